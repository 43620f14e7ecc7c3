import { describeEndorsement } from '#client/endorsements/describe.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import type { CachedEndorsement } from './endorsement-cache.ts';
import type { View } from './output.ts';
import type { CliContext } from './runtime.ts';

/** Where the present lies in an endorsement's validity. `timeless` has none; `unreadable` is not what its name says. */
type State = 'current' | 'stale' | 'early' | 'timeless' | 'unreadable';

interface Shown {
  readonly file: string;
  readonly kind: string;
  readonly platform: string | null;
  readonly about: string;
  readonly validFrom: string | null;
  readonly validUntil: string | null;
  readonly state: State;
}

/** Endorsements with what they are for, how long they are valid, and what is stale at the present. */
export function endorsementsView(folder: string, cached: readonly CachedEndorsement[], context: CliContext): View {
  const { output, nowMs } = context;
  const shown = cached.map((each) => shownOf(each, context));
  const stale = shown.filter(({ state }) => state === 'stale').length;
  return {
    json: { folder, at: timeText(nowMs()), endorsements: shown },
    text: () => [
      ...(shown.length === 0
        ? [`${folder} holds no endorsements`]
        : output.table(['state', 'valid until', 'platform', 'what', 'file'], shown.map(rowOf))),
      ...(stale === 0 ? [] : [`${stale} stale: fetch or import them again`]),
    ],
  };
}

function rowOf({ state, validUntil, platform, about, file }: Shown): readonly string[] {
  return [
    state === 'stale' || state === 'unreadable' ? state.toUpperCase() : state,
    validUntil ?? '-',
    platform ?? '-',
    about,
    file,
  ];
}

function shownOf({ file, endorsement }: CachedEndorsement, { crypto, nowMs }: CliContext): Shown {
  const { kind } = endorsement;
  const described = describeEndorsement(endorsement, crypto);
  if (described.kind === 'refused') {
    const about = described.reason.detail;
    return { file, kind, platform: null, about, validFrom: null, validUntil: null, state: 'unreadable' };
  }
  const { about, valid, platform = null } = described.value;
  const known = { file, kind, platform, about };
  if (valid === undefined) return { ...known, validFrom: null, validUntil: null, state: 'timeless' };
  const { fromMs, untilMs } = valid;
  return {
    ...known,
    validFrom: timeText(fromMs),
    validUntil: timeText(untilMs),
    state: stateAt(nowMs(), fromMs, untilMs),
  };
}

function stateAt(nowMs: number, fromMs: number, untilMs: number): State {
  if (nowMs < fromMs) return 'early';
  return nowMs > untilMs ? 'stale' : 'current';
}
