import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ACCESSIBLE_DEVICES, accessFlags, deviceAccess, withNamedPaths } from '#infra/device-access.ts';
import { DEFAULT_PLATFORM, EMULATED_PLATFORMS } from '#infra/emulator/devices/table.ts';
import { type LaunchOptions, launchEmulated } from '#infra/emulator/launch.ts';
import { ALLOCATOR, ENCLAVE_FLAGS } from '#infra/runtime.ts';
import { Fault } from '#shared/fault/fault.ts';
import { buildEnclaveBundle, DEFAULT_BUNDLE } from './bundle.ts';

const USAGE = `cloister enclave: launches the trusted part of the aggregator

  --emulator FOLDER   play a device in software, with the vendors' roots kept in FOLDER; nothing is then protected,
                      and everything that shows the enclave says EMULATED
  --platform NAME     the device to play (default ${DEFAULT_PLATFORM}):
                      ${EMULATED_PLATFORMS.slice(0, 4).join(', ')},
                      ${EMULATED_PLATFORMS.slice(4).join(', ')}
  --attester NAME     the device of this machine that vouches for the enclave, or auto: the first that is present
  --nsm PATH          inside a Nitro enclave: the unix socket of infra/nitro/nsm-bridge.pl
  --bundle FILE       the enclave bundle to run; built from this checkout when left out
  --listen PATH|PORT  where participants' connections arrive
  --boundary PATH     unix socket on which the host connects
  -- ARGUMENTS        anything after two dashes goes to the enclave (its --help tells what)

One of --emulator, --attester and --nsm is needed.
`;

function parse() {
  const text = { type: 'string' } as const;
  const options = {
    help: { type: 'boolean' },
    emulator: text,
    platform: text,
    attester: text,
    nsm: text,
    bundle: text,
    listen: text,
    boundary: text,
  } as const;
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (cause) {
    const [words] = cause instanceof Error ? cause.message.split('. ') : [];
    throw new Fault('CONFIG_INVALID', `${words ?? 'bad arguments'}; see --help`, { cause });
  }
}

/** sockaddr_un holds 108 bytes with its final zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/** A socket's folder has to be there and its name free: the enclave takes no other's place, and removes nothing. */
function requireFree(path: string): void {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    const found = `found ${Buffer.byteLength(path)} bytes, expected at most ${SOCKET_PATH_BYTES_MAX}`;
    throw new Fault('CONFIG_INVALID', `${path} is too long for a unix socket: ${found}; choose a shorter folder`);
  }
  if (!existsSync(dirname(path))) throw new Fault('CONFIG_INVALID', `${dirname(path)} is not there; make that folder`);
  if (!existsSync(path)) return;
  const advice = 'if no other enclave runs there, remove it';
  throw new Fault('CONFIG_INVALID', `${path} exists already; ${advice}`);
}

async function main(): Promise<number> {
  const { values, positionals } = parse();
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { emulator, platform, attester, nsm, listen, boundary } = values;
  const devices = [emulator, attester, nsm].filter((device) => device !== undefined);
  if (devices.length !== 1 || listen === undefined || boundary === undefined) {
    const wanted = '--listen, --boundary, and one of --emulator, --attester and --nsm';
    throw new Fault('CONFIG_INVALID', `expected ${wanted}; see --help`);
  }
  if (platform !== undefined && emulator === undefined) {
    throw new Fault('CONFIG_INVALID', '--platform says what to play; it needs --emulator');
  }
  if (nsm !== undefined && !existsSync(nsm)) {
    throw new Fault('CONFIG_INVALID', `--nsm: there is no ${resolve(nsm)}; start infra/nitro/nsm-bridge.pl first`);
  }
  for (const path of [listen, boundary]) if (!/^\d+$/.test(path)) requireFree(resolve(path));
  const bundle = values.bundle ?? (await buildEnclaveBundle(DEFAULT_BUNDLE)).path;
  // The enclave runs in a folder of its own, so paths must not depend on this one.
  const door = /^\d+$/.test(listen) ? listen : resolve(listen);
  const args = ['--listen', door, '--boundary', resolve(boundary), ...positionals];
  if (emulator !== undefined) {
    const folder = resolve(emulator);
    return emulated({ bundlePath: resolve(bundle), folder, platform: platform ?? DEFAULT_PLATFORM }, args);
  }
  const device = nsm === undefined ? ['--attester', attester ?? 'auto'] : ['--nsm', resolve(nsm)];
  return onHardware(resolve(bundle), attester ?? 'aws-nitro', [...args, ...device]);
}

/** Says what a policy has to name, and where the host finds endorsements, before the enclave says that it is ready. */
async function emulated(options: Omit<LaunchOptions, 'args'>, args: readonly string[]): Promise<number> {
  const enclave = await launchEmulated({ ...options, args: ({ flags }) => [...args, ...flags] });
  const { platform, policy, pcr0, rootSha256, endorsementsFolder: endorsements } = enclave;
  const launched = { event: 'enclave-launched', EMULATED: true, platform, pcr0, rootSha256, policy, endorsements };
  process.stdout.write(`${JSON.stringify(launched)}\n`);
  // Stays in place: whoever supervises the enclave lets a signal that nobody listens for end this process by itself.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void enclave.process.stop());
  const { code } = await enclave.process.exited;
  return code ?? 1;
}

async function onHardware(bundle: string, attester: string, args: readonly string[]): Promise<number> {
  const usual = deviceAccess(attester);
  if (usual === undefined) {
    const names = ['auto', ...ACCESSIBLE_DEVICES].join(', ');
    throw new Fault('CONFIG_INVALID', `--attester: found ${attester.slice(0, 40)}, expected one of ${names}`);
  }
  const access = withNamedPaths(usual, args);
  const scratch = access.programs ? await mkdtemp(join(tmpdir(), 'cloister-enclave-')) : undefined;
  const permissions = ['--permission', `--allow-fs-read=${bundle}`, ...accessFlags(access, scratch)];
  const { PATH = '', TPM2TOOLS_TCTI } = process.env;
  const env = { ...ALLOCATOR, PATH, TPM2TOOLS_TCTI, TMPDIR: scratch };
  try {
    const child = spawn(process.execPath, [...ENCLAVE_FLAGS, ...permissions, bundle, ...args], {
      env,
      stdio: 'inherit',
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
    return await new Promise((ended, failed) => {
      child.once('error', failed);
      child.once('exit', (code) => ended(code ?? 1));
    });
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }
}

process.exitCode = await main().catch((cause: unknown) => {
  process.stderr.write(`cloister enclave: ${cause instanceof Error ? cause.message : 'failed'}\n`);
  return cause instanceof Fault && cause.code === 'CONFIG_INVALID' ? 2 : 1;
});
