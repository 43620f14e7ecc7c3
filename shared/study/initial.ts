import { equalBytes } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import { allFinite, floatsOf, type Parameters, zeroParameters } from '#shared/model/parameters.ts';
import type { Study } from './study.ts';

/**
 * The weights of release 0, freshly allocated. `given` holds flat little-endian values and is needed when the manifest
 * names the weights by their digest.
 * @throws Fault `MANIFEST_INVALID` when they are absent or not the ones that the manifest names.
 */
export function initialParameters(study: Study, crypto: Pick<CryptoPort, 'digest'>, given?: Uint8Array): Parameters {
  const { initial, layout } = study;
  if (initial.kind === 'zeros') return zeroParameters(layout);
  if (initial.kind === 'values') return { layout, values: initial.values.slice() };
  if (given === undefined) {
    throw new Fault(
      'MANIFEST_INVALID',
      'the manifest names its initial weights by digest; give the file that holds them',
    );
  }
  if (given.length !== layout.bytes || !equalBytes(crypto.digest('sha256', given), initial.digest)) {
    const found = `found ${given.length} bytes, expected ${layout.bytes} with the digest of model.initial.sha256`;
    throw new Fault('MANIFEST_INVALID', `the initial weights are not those that the manifest names: ${found}`);
  }
  const values = floatsOf(given);
  if (values === undefined || !allFinite(values)) {
    throw new Fault('MANIFEST_INVALID', 'the initial weights hold NaN or an infinity, expected finite values');
  }
  return { layout, values };
}
