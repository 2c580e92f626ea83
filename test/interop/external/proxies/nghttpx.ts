/** nghttpx, the proxy of nghttp2. Above: nghttpx.test.ts. Below: proxy-process.ts. */
import { debianTool } from '../../tools.ts';
import type { ProxyKind, ProxySetup } from './proxy-process.ts';

function configuration(setup: ProxySetup): string {
  const { folder, port, tlsPort, upstreamPort, certFile, keyFile, patienceMs } = setup;
  return `
frontend=127.0.0.1,${port};no-tls
frontend=127.0.0.1,${tlsPort}
backend=127.0.0.1,${upstreamPort};;proto=h2
private-key-file=${keyFile}
certificate-file=${certFile}
workers=1
frontend-http2-max-concurrent-streams=100
backend-read-timeout=${patienceMs}ms
backend-connect-timeout=1s
pid-file=${folder}/nghttpx.pid
accesslog-file=/dev/null
errorlog-file=/dev/stderr
`;
}

export const NGHTTPX: ProxyKind = {
  name: 'nghttpx',
  tool: debianTool('nghttpx', 'nghttp2-proxy', ['-v']),
  configuration,
  args: (configFile) => [`--conf=${configFile}`],
  reload: 'SIGHUP',
  leaveSignal: 'SIGQUIT',
};
