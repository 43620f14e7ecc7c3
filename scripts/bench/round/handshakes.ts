import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { WebSocket } from 'ws';
import { parse } from 'yaml';
import { nodePorts } from '#client/sdk/index.ts';
import { joinStudy } from '#client/sdk/join.ts';
import { parsePolicy } from '#shared/attestation/policy.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { decodeKeyFile } from '#shared/keys/key-file.ts';
import { SUBPROTOCOL } from '#shared/protocol/limits.ts';
import { openSignedStudy } from '#shared/study/signed-study.ts';

/**
 * Attested handshakes, `EACH` in turn for each participant, all participants side by side, and after them as many plain
 * WebSocket openings: `node handshakes.ts URL FOLDER EACH ID…`. Prints both times as JSON.
 */
const [url = '', folder = '', eachText = '', ...ids] = process.argv.slice(2);
const each = Number(eachText);
const study = openSignedStudy(await readFile(`${folder}/study.dsse.json`), nodeCrypto);
const own = parsePolicy(parse(await readFile(`${folder}/policy.yaml`, 'utf8')));
const ports = nodePorts(new URL(url), () => undefined);
const signal = new AbortController().signal;

async function attested(id: string): Promise<void> {
  const keys = decodeKeyFile(await readFile(`${folder}/${id}.key`), nodeCrypto);
  if (keys.kind !== 'participant') throw new Fault('KEY_FILE_INVALID', `${id} has no participant's keys`);
  const membership = {
    manifestDigest: study.digest,
    participant: id,
    identity: keys.identity,
    policies: [study.policy, own],
  };
  for (let i = 0; i < each; i++) {
    const transport = await ports.connect(signal);
    const joined = await joinStudy(transport, membership, undefined, { ...ports });
    if (joined.kind !== 'joined') throw new Fault('PEER_REFUSED', `not joined: ${joined.hint.code}`);
    joined.session.close();
  }
}

async function plain(): Promise<void> {
  const target = new URL('/v1/enclave', url);
  target.protocol = 'ws:';
  for (let i = 0; i < each; i++) {
    const socket = new WebSocket(target, SUBPROTOCOL, { perMessageDeflate: false });
    await once(socket, 'open');
    socket.terminate();
  }
}

async function timed(work: (id: string) => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await Promise.all(ids.map(work));
  return performance.now() - startedMs;
}

await attested(ids[0] ?? '');
const attestedMs = await timed(attested);
const plainMs = await timed(plain);
process.stdout.write(`${JSON.stringify({ attestedMs, plainMs, count: each * ids.length })}\n`);
process.exit(0);
