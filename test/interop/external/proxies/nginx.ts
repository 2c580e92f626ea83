/** nginx with `grpc_pass`. Above: nginx.test.ts. Below: proxy-process.ts. */
import { debianTool } from '../../tools.ts';
import type { ProxyKind, ProxySetup } from './proxy-process.ts';

/** Workers of a master that runs as root would be somebody else, who may not enter the folder. */
const USER = process.getuid?.() === 0 ? 'user root;' : '';

function configuration(setup: ProxySetup): string {
  const { folder, port, tlsPort, upstreamPort, certFile, keyFile, patienceMs } = setup;
  return `
${USER}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 0;
  http2_max_concurrent_streams 100;
  ssl_certificate ${certFile};
  ssl_certificate_key ${keyFile};
  server {
    listen 127.0.0.1:${port} http2;
    listen 127.0.0.1:${tlsPort} ssl http2;
    grpc_connect_timeout 1s;
    grpc_read_timeout ${patienceMs}ms;
    location / { grpc_pass grpc://127.0.0.1:${upstreamPort}; }
    location /refused. { return 404; }
  }
}
`;
}

export const NGINX: ProxyKind = {
  name: 'nginx',
  tool: debianTool('nginx', 'nginx', ['-v']),
  configuration,
  args: (configFile) => ['-c', configFile, '-e', 'stderr'],
  reload: 'SIGHUP',
  leaveSignal: 'SIGQUIT',
};
