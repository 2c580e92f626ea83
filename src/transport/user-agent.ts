/**
 * The name by which the library is known to peers. Above: every transport. Form: PROTOCOL-HTTP2 "User Agents".
 */

/** Ours, behind whatever the application put in front. */
export const USER_AGENT: string = 'grpc-node-halfclose/0.1.0';
