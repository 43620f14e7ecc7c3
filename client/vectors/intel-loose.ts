import { textOf, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { requiredFile } from './files.ts';
import type { VectorFiles } from './vector-platform.ts';

/**
 * Collateral in the form of an endorsement, of a sample that keeps its parts in files of their own, as Intel's service
 * answers for each; `undefined` where there are no such files.
 */
export function looseCollateral(files: VectorFiles): Uint8Array | undefined {
  if (!files.has('tcbInfo.json')) return undefined;
  const text = (name: string): string => textIn(files, name);
  const tcbInfo = signedPart(text('tcbInfo.json'), 'tcbInfo');
  const qeIdentity = signedPart(text('qeIdentity.json'), 'enclaveIdentity');
  return utf8(
    JSON.stringify({
      pck_crl_issuer_chain: text('pckSignChain.pem'),
      root_ca_crl: toHex(requiredFile(files, 'rootCaCrl.der')),
      pck_crl: toHex(requiredFile(files, 'intermediateCaCrl.der')),
      tcb_info_issuer_chain: text('tcbSignChain.pem'),
      tcb_info: tcbInfo.body,
      tcb_info_signature: tcbInfo.signature,
      qe_identity_issuer_chain: text('tcbSignChain.pem'),
      qe_identity: qeIdentity.body,
      qe_identity_signature: qeIdentity.signature,
    }),
  );
}

function textIn(files: VectorFiles, name: string): string {
  const text = textOf(requiredFile(files, name));
  if (text === undefined) throw new Fault('CONFIG_INVALID', `${name} of the sample is no text`);
  return text;
}

/** The very text that is signed, out of `{"<name>":<text>,"signature":"<hex>"}`. */
function signedPart(text: string, name: string): { readonly body: string; readonly signature: string } {
  const start = `{"${name}":`;
  const [body = '', after] = text.trim().slice(start.length).split(',"signature":"');
  if (!text.startsWith(start) || after === undefined)
    throw new Fault('CONFIG_INVALID', `no signed ${name} in the sample`);
  return { body, signature: after.slice(0, after.indexOf('"')) };
}
