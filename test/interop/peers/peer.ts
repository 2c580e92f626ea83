/**
 * The contract of a peer: an implementation with an interop client and server that run as programs. Above: the matrix. Below:
 * one file each beside this one. Holds: a peer is data and command lines; it starts nothing. What it cannot do is said
 * with the reason, and nothing else is left out.
 */
import type { TlsFiles, TlsTexts } from '../certificates.ts';
import type { Mode } from '../matrix/modes.ts';

/** Why a case is left out, by the case's name. */
export type Reasons = Readonly<Record<string, string>>;

/** A program and its arguments. */
export type CommandLine = readonly [program: string, ...args: string[]];

/** What a server is started with. `tls` is null exactly if the mode is not TLS. */
export interface ServerRun {
  readonly mode: Mode;
  readonly tls: TlsFiles | null;
  /** Free a moment ago; a server that can choose by itself may. */
  readonly port: number;
}

/** What a client is started with. */
export interface ClientRun {
  readonly mode: Mode;
  readonly tls: TlsFiles | null;
  readonly port: number;
  /** One case, unless the client takes many. */
  readonly cases: readonly string[];
}

export interface ServerProgram {
  commandLine(run: ServerRun): CommandLine;
  /** Matches what it prints once it listens; its first group, if it has one, is the port. */
  readonly listening: RegExp;
  /** The cases that no client can pass against it. */
  readonly cannot: Reasons;
  /** The same for one mode; a reason alone is one for all cases. */
  readonly cannotIn?: Readonly<Partial<Record<Mode, Reasons | string>>>;
}

export interface ClientProgram {
  commandLine(run: ClientRun): CommandLine;
  /** Whether a process runs many cases and prints `PASS name`, `FAIL name: why` or `SKIP name: why` for each. */
  readonly takesMany: boolean;
  readonly cannot: Reasons;
}

/** One implementation, or one face of halfclose. */
export interface Peer {
  /** Unique: `grpc-go`, `halfclose/calls`. */
  readonly name: string;
  /** What it is a part of in tables: `grpc-go`, `halfclose`. */
  readonly implementation: string;
  readonly version: string;
  readonly client: ClientProgram;
  readonly server: ServerProgram;
  /** Certificates that it brings itself and cannot do without. */
  readonly bundled?: TlsTexts;
}

/** A peer whose toolchain is not on this machine. */
export interface MissingPeer {
  readonly name: string;
  /** With what would install it. */
  readonly missing: string;
}
