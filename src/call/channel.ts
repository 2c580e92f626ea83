/**
 * Channel: where calls come from; all that stubs, reactors and interceptors know of a channel. Below: channel/.
 * Source: io.grpc.Channel.
 */
import type { MethodDescriptor } from '../values/method.ts';
import type { CallOptions } from './call-options.ts';
import type { ClientCall } from './client-call.ts';

/** Makes calls. */
export interface Channel {
  /** A call that has yet to be started. Never throws and does no I/O. */
  newCall<Req, Res>(method: MethodDescriptor<Req, Res>, options: CallOptions): ClientCall<Req, Res>;
  /** The `:authority` of its calls, unless a call has its own. */
  authority(): string;
}
