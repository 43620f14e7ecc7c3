import { parse, YAMLError } from 'yaml';
import { DEVICE_NAMES } from '#client/participant/attester.ts';
import { Fault } from '#shared/fault/fault.ts';
import { readInput } from './input-file.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';

/** The configuration file that is read when `--config` names none and it exists. */
export const CONFIG_FILE = 'cloister.yaml';
const CONFIG_BYTES_MAX = 64 * 1024;

/**
 * One setting, wherever it is written: `key` in the configuration file, `CLOISTER_…` in the environment, a flag.
 * `decode` answers `undefined` for what it does not accept, and `expected` then says what it would have.
 */
export interface Setting<T> {
  readonly key: string;
  readonly flags: string;
  readonly help: string;
  readonly expected: string;
  readonly decode: (value: unknown) => T | undefined;
  /** The flag may be given again, and its values add up. */
  readonly repeatable?: boolean;
}

const path = { expected: 'the path of a file', decode: textOf } as const;
const flag = { expected: 'true or false', decode: flagOf } as const;

/** Every setting that more than one command knows. */
export const SETTINGS = {
  host: define('host', '--host <url>', 'where the host serves the study', {
    expected: 'an http or https URL such as http://127.0.0.1:8470',
    decode: urlOf,
  }),
  study: define('study', '--study <file>', 'the manifest, plain or signed', path),
  key: define('key', '--key <file>', 'key file, as `cloister keygen` writes it', path),
  policy: define(
    'policy',
    '--policy <file>',
    'a further appraisal policy (YAML) that evidence must satisfy; may be given again',
    {
      expected: 'paths of files, separated by commas in the environment',
      decode: listOf,
      repeatable: true,
    },
  ),
  data: define('data', '--data <file>', 'CSV file with the examples to train on', path),
  label: define('label', '--label <column>', 'column of that file that holds the label (label)', {
    expected: 'the name of a column',
    decode: textOf,
  }),
  trainer: define('trainer', '--trainer <name>', 'layers, or moments for a standardisation study (layers)', {
    expected: 'layers or moments',
    decode: textOf,
  }),
  standardise: define(
    'standardise',
    '--standardise <file>',
    'standardise the features with this result of a moments study',
    path,
  ),
  store: define('store', '--store <folder>', 'folder for verified releases', {
    expected: 'the path of a folder',
    decode: textOf,
  }),
  out: define('out', '--out <file>', 'write the final model here', path),
  waitSeconds: define('waitSeconds', '--wait-seconds <n>', 'how long to follow a command until it is done (60)', {
    expected: 'an integer from 0 to 3600',
    decode: (value) => integerOf(value, 0, 3600),
  }),
  endorsements: define('endorsements', '--endorsements <folder>', 'folder of cached endorsements', {
    expected: 'the path of a folder',
    decode: textOf,
  }),
  attester: define('attester', '--attester <name>', 'the device that vouches for this machine (auto: what is there)', {
    expected: `one of ${DEVICE_NAMES.join(', ')}`,
    decode: (value) => DEVICE_NAMES.find((name) => name === value),
  }),
  device: define('device', '--device <path>', 'where that device is, if not at its usual place', {
    expected: 'a folder, a unix socket or a URL',
    decode: textOf,
  }),
  vmpl: define('vmpl', '--vmpl <n>', 'privilege level that an SEV-SNP report is asked for', {
    expected: 'an integer from 0 to 3',
    decode: (value) => integerOf(value, 0, 3),
  }),
  tpmKey: define('tpmKey', '--tpm-key <handle>', 'persistent attestation key of the TPM (else one is made)', {
    expected: 'a handle such as 0x81010002',
    decode: textOf,
  }),
  tpmTcti: define('tpmTcti', '--tpm-tcti <tcti>', 'how tpm2-tools reach the TPM (device:/dev/tpmrm0)', {
    expected: 'a TCTI of tpm2-tools',
    decode: textOf,
  }),
  tpmEventLog: define('tpmEventLog', '--tpm-event-log <file>', "the TPM's measurement log (that of the kernel)", path),
  audience: define('audience', '--audience <text>', 'audience of the tokens of Google Confidential Space', {
    expected: 'a text',
    decode: textOf,
  }),
  logLevel: define<LogLevel>('logLevel', '--log-level <level>', `structured log on stderr: ${LOG_LEVELS.join(', ')}`, {
    expected: `one of ${LOG_LEVELS.join(', ')}`,
    decode: (value) => LOG_LEVELS.find((level) => level === value),
  }),
  json: define('json', '--json', 'results as JSON on stdout', flag),
  quiet: define('quiet', '--quiet', 'no remarks on stderr', flag),
  debug: define('debug', '--debug', 'show a stack for errors that nobody expected', flag),
} as const;

function define<T>(
  key: string,
  flags: string,
  help: string,
  kind: Pick<Setting<T>, 'expected' | 'decode' | 'repeatable'>,
): Setting<T> {
  return { key, flags, help, ...kind };
}

/** `logLevel` → `CLOISTER_LOG_LEVEL` */
export function environmentName({ key }: Pick<Setting<unknown>, 'key'>): string {
  return `CLOISTER_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** What the three sources hold, as they were found. */
export interface SettingSources {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly file: { readonly name: string; readonly values: Readonly<Record<string, unknown>> };
}

/** Typed settings. Flags win over the environment, and the environment over the configuration file. */
export class Settings {
  readonly #sources: SettingSources;

  constructor(sources: SettingSources) {
    this.#sources = sources;
  }

  /**
   * The value of a setting, or `undefined` when it is given nowhere.
   * @throws Fault `CONFIG_INVALID` that names the place of a bad value. A value that a stronger one hides is not looked at.
   */
  get<T>(setting: Setting<T>): T | undefined {
    const { flags, environment, file } = this.#sources;
    const name = environmentName(setting);
    const candidates = [
      { value: flags[setting.key], from: setting.flags.split(' ')[0] ?? setting.flags },
      { value: environment[name], from: `the environment variable ${name}` },
      { value: file.values[setting.key], from: `${setting.key} in ${file.name}` },
    ];
    const strongest = candidates.find(({ value }) => value !== undefined && value !== '');
    if (strongest === undefined) return undefined;
    const decoded = setting.decode(strongest.value);
    if (decoded !== undefined) return decoded;
    const found = String(strongest.value).slice(0, 80);
    throw new Fault('CONFIG_INVALID', `${strongest.from}: found ${found}, expected ${setting.expected}`);
  }

  /** Like {@link get}. @throws Fault `CONFIG_INVALID` that says where to give the setting when it is given nowhere. */
  need<T>(setting: Setting<T>): T {
    const value = this.get(setting);
    if (value !== undefined) return value;
    const places = `${environmentName(setting)} or ${setting.key} in ${CONFIG_FILE}`;
    const option = setting.flags.split(' ')[0];
    throw new Fault('CONFIG_INVALID', `${option} is needed (or ${places}): ${setting.help}; ${setting.expected}`);
  }
}

/**
 * The values of a configuration file: a YAML map of setting names. `file` absent means {@link CONFIG_FILE}, which need
 * not exist.
 * @throws Fault `CONFIG_INVALID`
 */
export async function readConfigFile(file: string | undefined): Promise<SettingSources['file']> {
  const name = file ?? CONFIG_FILE;
  const bytes = await readInput(name, CONFIG_BYTES_MAX, file === undefined ? 'optional' : 'required');
  if (bytes === undefined) return { name, values: {} };
  const values = parseMap(new TextDecoder().decode(bytes), name);
  const known = Object.values(SETTINGS).map(({ key }) => key);
  const unknown = Object.keys(values).find((key) => !known.includes(key));
  if (unknown === undefined) return { name, values };
  throw new Fault(
    'CONFIG_INVALID',
    `${name}: unknown setting ${unknown.slice(0, 40)}, expected one of ${known.join(', ')}`,
  );
}

function parseMap(text: string, name: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parse(text, { schema: 'core', maxAliasCount: 0, logLevel: 'error' });
  } catch (cause) {
    if (!(cause instanceof YAMLError) && !(cause instanceof ReferenceError)) throw cause;
    throw new Fault('CONFIG_INVALID', `${name} is not valid YAML: ${cause.message}`, { cause });
  }
  if (value === null) return {};
  if (isMap(value)) return value;
  throw new Fault('CONFIG_INVALID', `${name}: expected a map of settings, such as "host: http://127.0.0.1:8470"`);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function flagOf(value: unknown): boolean | undefined {
  if (value === true || value === 'true' || value === '1') return true;
  return value === false || value === 'false' || value === '0' ? false : undefined;
}

function listOf(value: unknown): readonly string[] | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : [];
  const texts = list.filter((each): each is string => typeof each === 'string' && each !== '');
  return texts.length === list.length && texts.length > 0 ? texts : undefined;
}

function urlOf(value: unknown): URL | undefined {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:') ? url : undefined;
}

function integerOf(value: unknown, minimum: number, maximum: number): number | undefined {
  const text = String(value);
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return number >= minimum && number <= maximum ? number : undefined;
}
