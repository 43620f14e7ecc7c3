import type { PlatformLevel } from './tcb-info.ts';
import type { ComponentLevel } from './tcb-json.ts';

/** The versions of a platform that TCB levels are compared with. */
export interface PlatformSvns {
  /** 16 numbers of the PCK certificate. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** TEE_TCB_SVN of a TD report, 16 bytes; `undefined` for SGX. */
  readonly teeTcbSvn: Uint8Array | undefined;
}

/**
 * The level of a platform: the first whose every version it reaches (EvaluateTcb.cpp of Intel's library). `undefined`:
 * it reaches none.
 */
export function platformLevelOf(levels: readonly PlatformLevel[], platform: PlatformSvns): PlatformLevel | undefined {
  const { components, pceSvn, teeTcbSvn } = platform;
  return levels.find(
    (level) =>
      reaches(components, level.sgxSvns, 0) &&
      pceSvn >= level.pceSvn &&
      (teeTcbSvn === undefined || reaches(teeTcbSvn, level.tdxSvns, firstTdxComponent(teeTcbSvn))),
  );
}

/**
 * A module with a major version is rated by its identity, and the two components that are its version are left out here.
 */
function firstTdxComponent(teeTcbSvn: Uint8Array): number {
  return (teeTcbSvn[1] ?? 0) > 0 ? 2 : 0;
}

/** Whether every version from `first` on is at least the level's. A version that is not there reaches nothing. */
function reaches(own: readonly number[] | Uint8Array, least: readonly number[], first: number): boolean {
  return least.every((svn, index) => index < first || (own[index] ?? -1) >= svn);
}

/** The level of a component: the first that its version reaches; `undefined` when it reaches none. */
export function componentLevelOf(levels: readonly ComponentLevel[], isvSvn: number): ComponentLevel | undefined {
  return levels.find((level) => isvSvn >= level.isvSvn);
}
