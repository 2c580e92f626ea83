/**
 * google.rpc.Status in the hands of another codec: protobufjs, reflected from proto/google/rpc. Above: the tests of
 * status-details, which meet bytes here that protobuf-es did not make.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';

const FOLDER = path.resolve('proto');
const FILES = ['status', 'error_details', 'code'].map((name) => path.join(FOLDER, `google/rpc/${name}.proto`));

function load(): protobuf.Root {
  const root = new protobuf.Root();
  // What is not there, google/protobuf/any.proto and duration.proto, protobufjs brings along.
  root.resolvePath = (_origin, file) => {
    const own = path.resolve(FOLDER, file);
    return existsSync(own) ? own : file;
  };
  root.loadSync(FILES).resolveAll();
  return root;
}

const root = load();

type Fields = { readonly [field: string]: unknown };

/** A google.rpc.Status; its details by the names of their types within google.rpc. */
export interface PlainStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly (readonly [type: string, message: Fields])[];
}

/** The names of the messages of error_details.proto, but for those within others. */
export function detailTypes(): string[] {
  const rpc = root.lookup('google.rpc') as protobuf.Namespace;
  return rpc.nestedArray.filter((one) => one.filename?.endsWith('error_details.proto')).map((one) => one.name);
}

/** The enum google.rpc.Code. */
export function codeValues(): { [name: string]: number } {
  // Without the names by number, which are inherited.
  return { ...root.lookupEnum('google.rpc.Code').values };
}

export function encodeStatus({ code, message, details }: PlainStatus): Buffer {
  const packed = details.map(([type, fields]) => ({
    type_url: `type.googleapis.com/google.rpc.${type}`,
    value: encode(type, fields),
  }));
  return encode('Status', { code, message, details: packed });
}

export function decodeStatus(payload: Uint8Array): PlainStatus {
  const { code, message, details } = decode('Status', payload) as {
    code: number;
    message: string;
    details: { type_url: string; value: Uint8Array }[];
  };
  return {
    code,
    message,
    details: details.map(({ type_url, value }) => {
      const type = type_url.replace('type.googleapis.com/google.rpc.', '');
      return [type, decode(type, value)];
    }),
  };
}

function encode(type: string, fields: Fields): Buffer {
  const reflected = root.lookupType(`google.rpc.${type}`);
  return Buffer.from(reflected.encode(reflected.fromObject({ ...fields })).finish());
}

/** Only what was set. */
function decode(type: string, payload: Uint8Array): Fields {
  const reflected = root.lookupType(`google.rpc.${type}`);
  return reflected.toObject(reflected.decode(payload));
}
