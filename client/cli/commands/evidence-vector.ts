import { VECTOR_FOLDERS } from '#client/vectors/adapters.ts';
import { judgedAs, outlineFrom } from '#client/vectors/conditions.ts';
import { sampleFields } from '#client/vectors/fields.ts';
import { judgeFiles } from '#client/vectors/run.ts';
import type { VectorFiles } from '#client/vectors/vector-platform.ts';
import { eatOf } from '#shared/attestation/eat.ts';
import { textOf } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { statedTimeMs } from '../evidence-input.ts';
import { EXIT } from '../exit-code.ts';
import { type CliContext, textFlag } from '../runtime.ts';
import { readVectorFiles, vectorIdOf } from '../vector-files.ts';

const EXPECTED = 'expected.json';

/** `cloister evidence verify --vector FOLDER`: one sample, whatever is expected of it. */
export async function verifyVector(context: CliContext): Promise<void> {
  const { crypto, flags, nowMs, output } = context;
  const folder = textFlag(flags, 'vector') ?? '';
  const files = await readVectorFiles(folder);
  const outline = outlineIn(files, folder);
  const id = sampleId(folder, [textFlag(flags, 'platform'), outline.platform]);
  const { atMs, conditions } = judgedAs(outline, files, { statedMs: statedTimeMs(context), nowMs: nowMs() });
  const { verdict, reasons, claims } = await judgeFiles(id, files, conditions, { atMs, crypto });
  const fields = await fieldsIn(id, files, context);
  const result = { verdict, reasons, claims: claims === undefined ? null : eatOf(claims), fields };
  output.show({
    json: result,
    text: () => [
      verdict,
      ...reasons.map(({ code, detail }) => `${code}: ${detail}`),
      JSON.stringify(result.claims, undefined, 2),
    ],
  });
  if (verdict === 'reject') context.exitWith(EXIT.refused);
}

/** What our parsers read, under the names of the collection; null where a sample is not complete enough for that. */
async function fieldsIn(id: string, files: VectorFiles, { crypto }: CliContext): Promise<unknown> {
  try {
    return (await sampleFields(id.split('/')[0] ?? '', files, crypto)) ?? null;
  } catch (cause) {
    if (cause instanceof Fault) return null;
    throw cause;
  }
}

function outlineIn(files: VectorFiles, folder: string) {
  const bytes = files.get(EXPECTED);
  if (bytes === undefined) return {};
  let json: unknown;
  try {
    json = JSON.parse(textOf(bytes) ?? '');
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `${folder}: ${EXPECTED} is not JSON`, { cause });
  }
  return outlineFrom(json, `${folder}/${EXPECTED}`);
}

/** The first platform that is stated stands before the name of the folder that the sample's folder lies in. */
function sampleId(folder: string, stated: readonly (string | undefined)[]): string {
  const [parent = '', sample = ''] = vectorIdOf(folder).split('/');
  const platform = stated.find((name) => name !== undefined) ?? parent;
  if (VECTOR_FOLDERS.includes(platform)) return `${platform}/${sample}`;
  throw new Fault(
    'CONFIG_INVALID',
    `${folder}: no adapter reads samples of ${platform}; name one with --platform: ${VECTOR_FOLDERS.join(', ')}`,
  );
}
