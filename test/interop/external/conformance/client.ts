/**
 * The client under test of the connectrpc conformance suite: `node client.js FACE`. Reads from stdin which RPCs to make, says
 * on stdout what came of each, and ends with its input. Above: connectconformance. Below: run-case.ts. Holds: a few RPCs run
 * at a time, so that those with a deadline are not kept waiting by the process; RPCs to one server share a connection.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ChannelCredentials, createChannel, type DirectChannel } from '../../../../src/index.ts';
import type { FaceName } from '../../face.ts';
import { openCalls } from './clients/calls.ts';
import type { OpenCase } from './clients/case-call.ts';
import { openPromises } from './clients/promises.ts';
import { openReactors } from './clients/reactors.ts';
import { delimited, readDelimited } from './delimited.ts';
import { COMPRESSORS } from './forms.ts';
import {
  type ClientCompatRequest,
  ClientCompatRequestSchema,
  type ClientCompatResponse,
  ClientCompatResponseSchema,
  ClientErrorResultSchema,
} from './gen/connectrpc/conformance/v1/client_compat_pb.ts';
import { runCase } from './run-case.ts';

const OPENERS: Readonly<Record<FaceName, OpenCase>> = {
  calls: openCalls,
  promises: openPromises,
  reactors: openReactors,
};

/** So many RPCs run at a time. */
const PARALLEL = 16;

/** One for each server and client certificate. */
const channels = new Map<string, DirectChannel>();

function channelFor(request: ClientCompatRequest): DirectChannel {
  const target = `${request.host}:${request.port}`;
  const key = `${target} ${Buffer.from(request.serverTlsCert)} ${Buffer.from(request.clientTlsCreds?.cert ?? '')}`;
  const known = channels.get(key);
  if (known !== undefined) return known;
  const channel = createChannel(target, credentialsFor(request), { compressors: COMPRESSORS });
  channels.set(key, channel);
  return channel;
}

function credentialsFor({ serverTlsCert, clientTlsCreds }: ClientCompatRequest): ChannelCredentials {
  if (serverTlsCert.length === 0) return ChannelCredentials.insecure();
  const ca = Buffer.from(serverTlsCert);
  if (clientTlsCreds === undefined) return ChannelCredentials.tls({ ca });
  return ChannelCredentials.tls({ ca, cert: Buffer.from(clientTlsCreds.cert), key: Buffer.from(clientTlsCreds.key) });
}

async function respondTo(request: ClientCompatRequest, open: OpenCase): Promise<ClientCompatResponse> {
  const { testName } = request;
  try {
    const value = await runCase(request, channelFor(request), open);
    return create(ClientCompatResponseSchema, { testName, result: { case: 'response', value } });
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const value = create(ClientErrorResultSchema, { message });
    return create(ClientCompatResponseSchema, { testName, result: { case: 'error', value } });
  }
}

const face = process.argv[2];
if (face !== 'calls' && face !== 'promises' && face !== 'reactors') throw new Error(`not a face: ${face}`);
const running = new Set<Promise<void>>();
for await (const bytes of readDelimited(process.stdin)) {
  const request = fromBinary(ClientCompatRequestSchema, bytes);
  const run: Promise<void> = respondTo(request, OPENERS[face]).then((response) => {
    process.stdout.write(delimited(toBinary(ClientCompatResponseSchema, response)));
    running.delete(run);
  });
  running.add(run);
  if (running.size >= PARALLEL) await Promise.race(running);
}
await Promise.all(running);
for (const channel of channels.values()) channel.shutdown();
