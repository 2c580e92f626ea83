/**
 * CallCredentials.fromHeaders with google-auth-library itself, as far as it needs no network: tokens that it signs or was
 * given. Other shapes of its clients: call-credentials.test.ts.
 */
import { generateKeyPairSync, verify } from 'node:crypto';
import { type AuthClient, GoogleAuth, JWT, OAuth2Client } from 'google-auth-library';
import {
  askForMetadata,
  CallCredentials,
  type CallCredentialsRequest,
  type RequestHeadersClient,
  type RequestHeadersClientSource,
} from '../../src/credentials/call-credentials.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('google-auth-library');

const REQUEST: CallCredentialsRequest = {
  serviceUrl: 'https://pubsub.googleapis.com/google.pubsub.v1.Publisher',
  methodName: 'Publish',
  path: '/google.pubsub.v1.Publisher/Publish',
  authority: 'pubsub.googleapis.com',
  signal: new AbortController().signal,
};
const EMAIL = 'robot@test-project.iam.gserviceaccount.com';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KEY = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

function ask(client: RequestHeadersClient | RequestHeadersClientSource): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    askForMetadata(CallCredentials.fromHeaders(client), REQUEST, (error, metadata) =>
      metadata === null ? reject(error) : resolve(metadata.toString()),
    );
  });
  return within(5_000, answer, 'an answer');
}

/** The claims of `Metadata(authorization=Bearer JWT)`, once its signature was found good. */
function claimsOf(metadata: string): Record<string, unknown> {
  const [, head = '', body = '', signature = ''] =
    /authorization=Bearer ([^.]+)\.([^.]+)\.([^,)]+)/.exec(metadata) ?? [];
  const signed = Buffer.from(`${head}.${body}`);
  assert.ok(verify('RSA-SHA256', signed, publicKey, Buffer.from(signature, 'base64url')), metadata);
  return JSON.parse(Buffer.from(body, 'base64url').toString());
}

test('a service account signs a token for the URL of the service', async () => {
  const claims = claimsOf(await ask(new JWT({ email: EMAIL, key: KEY })));
  assert.equal([claims['iss'], claims['aud']], [EMAIL, REQUEST.serviceUrl]);
});

test('a GoogleAuth, and what only gives its client', async () => {
  const auth = new GoogleAuth({ projectId: 'p', credentials: { client_email: EMAIL, private_key: KEY } });
  assert.is(claimsOf(await ask(auth))['aud'], REQUEST.serviceUrl);
  const source = { getClient: (): Promise<AuthClient> => auth.getClient() };
  assert.is(claimsOf(await ask(source))['aud'], REQUEST.serviceUrl);
});

test('a token that it was given, with the project that pays', async () => {
  const client = new OAuth2Client();
  client.setCredentials({ access_token: 'token', expiry_date: Date.now() + 3_600_000 });
  client.quotaProjectId = 'payer';
  assert.is(await ask(client), 'Metadata(authorization=Bearer token,x-goog-user-project=payer)');
});

test('no token to be had is a failure', async () => {
  const error = await ask(new OAuth2Client()).catch((reason: unknown) => reason);
  assert.match(String(error), /No access, refresh token/);
});

test.run();
