/**
 * The cases of call credentials. The official ones need a cloud; here they are named, with two of our own in their place: a
 * token, and a server that knows whose it is. Above: cases.ts. Below: expect.ts.
 */
import { create } from '@bufbuild/protobuf';
import { CallCredentials, Code, Metadata } from '../../../src/index.ts';
import type { CallInit, FaceClient } from '../face.ts';
import { ACCOUNTS } from '../faces/service-rules.ts';
import { SimpleRequestSchema } from '../gen/grpc/testing/messages_pb.ts';
import { TEST_SERVICE } from '../test-service.ts';
import type { CaseSettings, Cases } from './case.ts';
import { CaseFailure, expectEqual, expectStatus, single } from './expect.ts';

const NEEDS_CLOUD = 'needs the credentials of a cloud, and its test server';

/** The official cases that cannot be run here, and why. */
export const CLOUD_CASES: Readonly<Record<string, string>> = {
  compute_engine_creds: NEEDS_CLOUD,
  jwt_token_creds: NEEDS_CLOUD,
  oauth2_auth_token: NEEDS_CLOUD,
  per_rpc_creds: NEEDS_CLOUD,
  service_account_creds: NEEDS_CLOUD,
  google_default_credentials: NEEDS_CLOUD,
  compute_engine_channel_credentials: NEEDS_CLOUD,
};

const NEEDS_TOKENS = 'knows the tokens of the test accounts';

/** Credentials that take their time, as those that fetch a token do; and how often they were asked. */
class TokenSource {
  readonly #token: string;
  asked = 0;
  readonly credentials: CallCredentials = CallCredentials.from(async () => {
    this.asked += 1;
    return new Metadata({ authorization: this.#token });
  });

  constructor(token: string) {
    this.#token = token;
  }
}

/** One token of the server's table, and whose it is. */
function anAccount(): { token: string; username: string; oauthScope: string } {
  for (const [token, account] of ACCOUNTS) return { token, ...account };
  throw new CaseFailure('expected an account, got none');
}

/** Over TLS the server learns who calls; in cleartext the call is refused, and the credentials are not even asked. */
async function expectIdentity(
  client: FaceClient,
  source: TokenSource,
  init: CallInit,
  { isPrivate }: CaseSettings,
): Promise<void> {
  const request = create(SimpleRequestSchema, { fillUsername: true, fillOauthScope: true });
  const outcome = await client.unary(TEST_SERVICE.unaryCall, request, init);
  expectEqual('how often credentials were asked', source.asked, isPrivate ? 1 : 0);
  if (!isPrivate) {
    expectStatus(outcome, Code.UNAUTHENTICATED);
    return;
  }
  const expected = anAccount();
  const { username, oauthScope } = single(outcome);
  expectEqual('the user name and the scope', [username, oauthScope], [expected.username, expected.oauthScope]);
}

async function perRpcCreds(client: FaceClient, settings: CaseSettings): Promise<void> {
  const source = new TokenSource(anAccount().token);
  await expectIdentity(client, source, { credentials: source.credentials }, settings);
}

async function channelCreds(_client: FaceClient, settings: CaseSettings): Promise<void> {
  const source = new TokenSource(anAccount().token);
  await using own = settings.newClient(source.credentials);
  await expectIdentity(own.client, source, {}, settings);
}

export const AUTH_CASES: Cases = {
  per_rpc_creds_offline: { run: perRpcCreds, needs: NEEDS_TOKENS },
  channel_creds_offline: { run: channelCreds, needs: NEEDS_TOKENS },
};
