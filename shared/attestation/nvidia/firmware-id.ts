import { DerReader, TAG } from '../der/reader.ts';
import { readOid, readSmallInteger } from '../der/values.ts';
import { malformed } from '../malformed.ts';
import type { Certificate } from '../x509/certificate.ts';

/** Hopper: the identity of device and firmware in one, as Microsoft's RIoT had it. */
const COMPOSITE_DEVICE_ID = '2.23.133.5.4.1';
/** Blackwell: DiceTcbInfo (TCG DICE Attestation Architecture, "TCB info evidence extension"), under an OID below. */
const TCB_INFO = '2.23.133.5.4.1.1';
/** `fwids [6] IMPLICIT FWIDLIST`. */
const FWIDS = 0xa6;
const SHA384 = '2.16.840.1.101.3.4.2.2';

/**
 * The digest of the firmware that a device certificate was issued for, of a list the first, which is the one that signs;
 * `undefined` where the certificate names none. Throws `MalformedInput`.
 */
export function firmwareIdOf({ extensions: { values } }: Pick<Certificate, 'extensions'>): Uint8Array | undefined {
  const tcbInfo = values.get(TCB_INFO);
  if (tcbInfo !== undefined) return fromTcbInfo(tcbInfo);
  const deviceId = values.get(COMPOSITE_DEVICE_ID);
  return deviceId === undefined ? undefined : fromDeviceId(deviceId);
}

/** `SEQUENCE { version INTEGER, deviceID SubjectPublicKeyInfo, fwid FWID }`. */
function fromDeviceId(value: Uint8Array): Uint8Array {
  const fields = soleSequence(value);
  readSmallInteger(fields);
  fields.expect(TAG.sequence);
  const digest = readFwid(fields);
  fields.end();
  return digest;
}

/** A sequence of optional fields, each with its own context tag. */
function fromTcbInfo(value: Uint8Array): Uint8Array | undefined {
  const fields = soleSequence(value);
  while (fields.peek !== undefined) {
    const { tag, content } = fields.next();
    if (tag === FWIDS) return readFwid(new DerReader(content, 'firmware ids'));
  }
  return undefined;
}

function soleSequence(value: Uint8Array): DerReader {
  const outer = new DerReader(value, 'firmware identity');
  const fields = outer.enter(TAG.sequence);
  outer.end();
  return fields;
}

/** `FWID ::= SEQUENCE { hashAlg OBJECT IDENTIFIER, digest OCTET STRING }`. */
function readFwid(reader: DerReader): Uint8Array {
  const fields = reader.enter(TAG.sequence);
  if (readOid(fields) !== SHA384) malformed('firmware id in a certificate that is no SHA-384 digest');
  const digest = fields.expect(TAG.octetString).content;
  fields.end();
  return digest;
}
