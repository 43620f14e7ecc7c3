import { join } from 'node:path';
import { assert, Fault } from '#shared/fault/fault.ts';
import type { Child, Children } from './children.ts';
import type { EnclaveIdentity, Workspace } from './workspace.ts';

/** Where a demo keeps things, and who runs them. */
interface Parties {
  readonly workspace: Workspace;
  readonly children: Children;
}

/** A host that serves the demo's studies. */
export interface RunningAggregator {
  readonly url: string;
  readonly queue: string;
}

const ROOT = join(import.meta.dirname, '..', '..');

/** Resolves with the first line of a child that `pick` takes; throws when the child ends before. */
function firstLine<T>(
  children: Children,
  options: Parameters<Children['start']>[0],
  pick: (line: Readonly<Record<string, unknown>>) => T | undefined,
): Promise<{ readonly child: Child; readonly found: T }> {
  return new Promise((resolve, reject) => {
    const child = children.start({
      ...options,
      line(line) {
        options.line?.(line);
        const found = pick(parseLine(line));
        if (found !== undefined) resolve({ child, found });
      },
    });
    void child.exited.then((code) =>
      reject(
        new Fault('CONNECTION_LOST', `${child.name} ended with code ${code} before it was ready:\n${child.tail()}`),
      ),
    );
  });
}

/** A line of a child as an object; an empty one for a line that is not JSON. */
export function parseLine(line: string): Readonly<Record<string, unknown>> {
  if (!line.startsWith('{')) return {};
  const value: unknown = JSON.parse(line);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** Starts the enclave on the emulated device of `platform`, and waits until it is ready. */
export async function startEnclave(
  { workspace, children }: Parties,
  platform: string,
): Promise<EnclaveIdentity & { readonly backend: string }> {
  let identity: EnclaveIdentity | undefined;
  const { found } = await firstLine(
    children,
    {
      name: 'enclave',
      args: [
        'scripts/launch-enclave.ts',
        '--emulator',
        join(ROOT, '.cloister', 'emulator'),
        '--platform',
        platform,
        '--listen',
        workspace.socket('enclave.sock'),
        '--boundary',
        workspace.socket('boundary.sock'),
      ],
    },
    (line) => {
      identity ??= identityOf(line);
      return line['event'] === 'enclave-ready' ? String(line['backend']) : undefined;
    },
  );
  assert(identity !== undefined, 'the launcher names the enclave before the enclave is ready');
  return { ...identity, backend: found };
}

/** What the launcher says of the enclave; `undefined` for any other line. */
function identityOf(line: Readonly<Record<string, unknown>>): EnclaveIdentity | undefined {
  const { event, platform, pcr0, policy, endorsements } = line;
  if (event !== 'enclave-launched' || typeof policy !== 'object') return undefined;
  return {
    platform: String(platform),
    pcr0: String(pcr0),
    policy: { ...policy },
    endorsements: typeof endorsements === 'string' ? endorsements : undefined,
  };
}

/** Starts the host before the enclave, with both studies; `onLine` hears each line of its log. */
export async function startHost(
  { workspace, children }: Parties,
  { endorsements }: Pick<EnclaveIdentity, 'endorsements'>,
  onLine: (line: string) => void,
): Promise<RunningAggregator> {
  const { found } = await firstLine(
    children,
    {
      name: 'host',
      args: [
        'aggregator/host/main.ts',
        '--listen',
        '127.0.0.1:0',
        '--data',
        workspace.path('host'),
        '--keep-releases',
        '64',
        '--enclave-socket',
        workspace.socket('enclave.sock'),
        '--boundary-socket',
        workspace.socket('boundary.sock'),
        '--study',
        workspace.manifestFile('standardise'),
        '--study',
        workspace.manifestFile('breast-cancer'),
        ...(endorsements === undefined ? [] : ['--endorsements', endorsements]),
      ],
      line: onLine,
    },
    (line) => (line['event'] === 'ready' ? line : undefined),
  );
  return { url: `http://127.0.0.1:${String(found['port'])}`, queue: String(found['queue']) };
}
