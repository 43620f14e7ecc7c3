import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { attempt } from '#shared/attestation/malformed.ts';
import { parseCrl } from '#shared/attestation/x509/crl.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import { Fault } from '#shared/fault/fault.ts';
import { verdictTimeMs } from './run.ts';
import { commonTrust } from './trust.ts';
import type { VectorConditions, VectorFiles } from './vector-platform.ts';

const name = Type.Optional(Type.Union([Type.String(), Type.Null()]));

/** What of `expected.json` says how to judge, and not what to find. All of it may be missing. */
const OutlineSchema = Type.Object({
  platform: Type.Optional(Type.String()),
  verdicts: Type.Optional(
    Type.Array(
      Type.Object({
        at: Type.String(),
        collateral: name,
        crl: name,
        trust_anchor: Type.Optional(Type.String()),
        trust: Type.Optional(Type.String()),
      }),
    ),
  ),
});

/** See {@link outlineFrom}. */
export type Outline = Static<typeof OutlineSchema>;

/** @throws Fault - CONFIG_INVALID when `json` is no `expected.json`, not even one that leaves out what to find */
export function outlineFrom(json: unknown, where: string): Outline {
  if (Value.Check(OutlineSchema, json)) return json;
  throw new Fault('CONFIG_INVALID', `${where} is not the expected.json of an attestation vector`);
}

/** When and under which conditions a sample is judged. */
export interface JudgedAs {
  readonly atMs: number;
  readonly conditions: VectorConditions;
}

const CRL = 'crl.der';
const COLLATERAL = /^collateral-(\d{4}-\d{2}-\d{2})\.json$/;

/**
 * Time and conditions for a sample. The time is `at.statedMs`, else that of the first verdict, else `at.nowMs`. The
 * conditions are those of the verdict of that time; where several are, of the one that asks for a CRL. Without one
 * they follow from the files: the collateral of the latest date by that time (the earliest, where all are later), and
 * `crl.der` unless it was published after that time; and the root and key that all verdicts name, if they do.
 * @throws Fault - CONFIG_INVALID when the first verdict is needed for its time and has none
 */
export function judgedAs(
  { verdicts = [] }: Outline,
  files: VectorFiles,
  at: { readonly statedMs: number | undefined; readonly nowMs: number },
): JudgedAs {
  const [first] = verdicts;
  const atMs = at.statedMs ?? (first === undefined ? at.nowMs : verdictTimeMs(first));
  if (!Number.isSafeInteger(atMs)) throw new Fault('CONFIG_INVALID', 'the first verdict of expected.json has no time');
  const fitting = verdicts.filter((verdict) => verdict.at === 'any' || verdictTimeMs(verdict) === atMs);
  const verdict = fitting.find(({ crl }) => typeof crl === 'string') ?? fitting[0];
  return { atMs, conditions: verdict ?? { ...commonTrust(verdicts), ...conditionsFrom(files, atMs) } };
}

function conditionsFrom(files: VectorFiles, atMs: number): VectorConditions {
  const collateral = collateralAt([...files.keys()], timeText(atMs));
  return { ...(collateral === undefined ? {} : { collateral }), crl: isPublished(files.get(CRL), atMs) ? CRL : null };
}

function collateralAt(names: readonly string[], at: string): string | undefined {
  const dated = names.filter((each) => COLLATERAL.test(each)).toSorted();
  return dated.findLast((each) => (COLLATERAL.exec(each)?.[1] ?? '') <= at) ?? dated[0];
}

/** A list that cannot be read counts as published: the verifier is to say what is wrong with it. */
function isPublished(crl: Uint8Array | undefined, atMs: number): boolean {
  if (crl === undefined) return false;
  const parsed = attempt(() => parseCrl(crl));
  return parsed.kind === 'refused' || parsed.value.thisUpdateMs <= atMs;
}
