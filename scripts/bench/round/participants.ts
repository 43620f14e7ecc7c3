import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { memoryReleaseStore, nodePorts, participate } from '#client/sdk/index.ts';
import type { Trainer } from '#client/trainer/trainer.ts';
import { parsePolicy } from '#shared/attestation/policy.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { decodeKeyFile } from '#shared/keys/key-file.ts';
import { openSignedStudy } from '#shared/study/signed-study.ts';

/**
 * Participants of a benchmark, several in one process: `node participants.ts URL FOLDER ID…`. Their trainer hands out a
 * change made beforehand, when the line `go` comes in, so that what is timed is Cloister and not a trainer. Each
 * event goes out as a line of JSON with a time that all processes share.
 */
const [url = '', folder = '', ...ids] = process.argv.slice(2);
const study = openSignedStudy(await readFile(`${folder}/study.dsse.json`), nodeCrypto);
const policy = parsePolicy(parse(await readFile(`${folder}/policy.yaml`, 'utf8')));
const delta = new Float32Array(study.layout.parameterCount);
for (let i = 0; i < delta.length; i++) delta[i] = ((i % 2003) - 1001) / 1e5;

function tell(event: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ ...event, atMs: performance.timeOrigin + performance.now() })}\n`);
}

const go = new Promise<void>((resolve) => {
  createInterface(process.stdin).on('line', (line) => line === 'go' && resolve());
});

function trainerFor(id: string): Trainer {
  return {
    async train() {
      tell({ kind: 'waiting', id });
      await go;
      return { delta, examples: 100, metrics: {} };
    },
    dispose() {},
  };
}

async function run(id: string): Promise<void> {
  const keys = decodeKeyFile(await readFile(`${folder}/${id}.key`), nodeCrypto);
  if (keys.kind !== 'participant') throw new Error(`${id} has no participant's keys`);
  const ports = nodePorts(new URL(url), (event) => tell({ ...event, id }));
  const participation = {
    study,
    participant: id,
    keys,
    policies: [policy] as const,
    trainer: trainerFor(id),
    store: memoryReleaseStore(),
  };
  tell({ kind: 'connecting', id });
  await participate(participation, ports, new AbortController().signal);
}

await Promise.all(ids.map(run));
process.exit(0);
