/** What is used of proxy-from-env, which has no types. */
declare module 'proxy-from-env' {
  /** The proxy for a URL by the process’s environment; empty for none. */
  export function getProxyForUrl(url: string): string;
}
