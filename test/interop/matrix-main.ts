/**
 * gRPC's interoperability tests between halfclose and other implementations: `node matrix-main.js [--peer grpc-go] [--face calls]
 * [--mode tls] [--case ping_pong] [--json FILE] [--markdown FILE]`. Every filter may be given several times, or with commas.
 * Exit code 0: no case failed; 1: one did; 2: the command line is wrong. Below: matrix/, peers/.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { makeCertificates, writeCertificates } from './certificates.ts';
import { FURTHER_CASES, OFFICIAL_CASES } from './matrix/cases.ts';
import { markdownReport } from './matrix/markdown.ts';
import { type MatrixOptions, parseOptions, UsageError } from './matrix/options.ts';
import { planMatrix } from './matrix/plan.ts';
import { killAll } from './matrix/program.ts';
import { makeReport } from './matrix/report.ts';
import { runMatrix, type TlsSets } from './matrix/run-matrix.ts';
import { count, terminalReport } from './matrix/terminal.ts';
import type { Peer } from './peers/peer.ts';
import { FOREIGN, findPeers } from './peers/peers.ts';
import { SOURCE_ROOT } from './peers/source-root.ts';

async function certificatesOf(peers: readonly Peer[], folder: string): Promise<TlsSets> {
  const bundled = peers.flatMap(({ name, bundled: texts }) =>
    texts === undefined ? [] : [[name, writeCertificates(path.join(folder, name), texts)] as const],
  );
  return { made: writeCertificates(path.join(folder, 'made'), await makeCertificates()), bundled: new Map(bundled) };
}

/** Runs what is wanted, prints it and writes it. Whether nothing failed. */
async function runAll(options: MatrixOptions, folder: string): Promise<boolean> {
  const peers = findPeers(options.faces, options.implementations);
  const missing = peers.flatMap((peer) => ('missing' in peer ? [`skipped ${peer.name}: ${peer.missing}`] : []));
  const present = peers.flatMap((peer) => ('missing' in peer ? [] : [peer]));
  const pairs = planMatrix(present, FURTHER_CASES, options);
  const results = await runMatrix(pairs, await certificatesOf(present, folder), ({ client, server, mode }, found) => {
    const counts = `${count(found, 'passed')} passed, ${count(found, 'failed')} failed`;
    console.log(`${mode.padEnd(9)} ${client.name.padEnd(18)} → ${server.name.padEnd(18)} ${counts}`);
  });
  const report = makeReport(peers, results, new Date(), [SOURCE_ROOT, homedir(), folder, tmpdir()]);
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (options.markdown !== null) writeFileSync(options.markdown, markdownReport(report));
  console.log(terminalReport(results, missing));
  return count(results, 'failed') === 0;
}

async function main(): Promise<boolean> {
  const known = ['halfclose', ...Object.keys(FOREIGN)];
  const options = parseOptions(process.argv.slice(2), known, [...OFFICIAL_CASES, ...FURTHER_CASES]);
  const folder = mkdtempSync(path.join(tmpdir(), 'halfclose-interop-'));
  process.once('exit', () => {
    killAll();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  return await runAll(options, folder);
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
