import { DerReader, TAG } from '../der/reader.ts';
import { readBoolean, readNamedBits, readOid, readSmallInteger } from '../der/values.ts';
import { malformed } from '../malformed.ts';

/** Certificate extensions, as far as path validation needs them. */
export interface Extensions {
  /** RFC 5280 section 4.2.1.9; `undefined` when absent. */
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  /** RFC 5280 section 4.2.1.3; `undefined` when absent. */
  readonly keyUsage: KeyUsage | undefined;
  /** OIDs of critical extensions that are not understood here. RFC 5280 section 4.2: refuse the certificate. */
  readonly unknownCritical: readonly string[];
  /** Every extension's value by OID, for platforms that read their own. */
  readonly values: ReadonlyMap<string, Uint8Array>;
}

/** The uses that path validation and revocation ask for, each as the extension's bit says. */
export interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  readonly crlSign: boolean;
}

/** One extension of a certificate, a revocation list or an entry of one (RFC 5280 section 4.1). */
export interface Extension {
  readonly critical: boolean;
  /** Content of the OCTET STRING. */
  readonly value: Uint8Array;
}

const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const KNOWN: readonly string[] = [BASIC_CONSTRAINTS, KEY_USAGE];

/** Nothing of any supported vendor comes near; it keeps work bounded. */
const MAX_EXTENSIONS = 32;

/** Reads a certificate's extensions; `reader` is positioned inside their `[3]` element. Throws `MalformedInput`. */
export function readExtensions(reader: DerReader): Extensions {
  const list = readExtensionList(reader);
  reader.end();
  const values = new Map([...list].map(([oid, { value }]) => [oid, value]));
  const unknownCritical = [...list].flatMap(([oid, { critical }]) => (critical && !KNOWN.includes(oid) ? [oid] : []));
  const constraints = values.get(BASIC_CONSTRAINTS);
  const usage = values.get(KEY_USAGE);
  return {
    basicConstraints: constraints && readBasicConstraints(constraints),
    keyUsage: usage && readKeyUsage(usage),
    unknownCritical,
    values,
  };
}

/** Reads one Extensions sequence: by OID, none twice (RFC 5280 section 4.2). Throws `MalformedInput`. */
export function readExtensionList(reader: DerReader): ReadonlyMap<string, Extension> {
  const list = reader.enter(TAG.sequence, 'extensions');
  const extensions = new Map<string, Extension>();
  while (list.peek !== undefined) {
    if (extensions.size === MAX_EXTENSIONS) malformed(`more than ${MAX_EXTENSIONS} extensions`);
    const fields = list.enter(TAG.sequence, 'extension');
    const oid = readOid(fields);
    const critical = fields.peek === TAG.boolean ? readBoolean(fields) : false;
    const value = fields.expect(TAG.octetString).content;
    fields.end();
    if (extensions.has(oid)) malformed(`extension ${oid} occurs twice`);
    extensions.set(oid, { critical, value });
  }
  return extensions;
}

function readBasicConstraints(value: Uint8Array): Extensions['basicConstraints'] {
  const outer = new DerReader(value, 'basicConstraints');
  const fields = outer.enter(TAG.sequence);
  outer.end();
  const ca = fields.peek === TAG.boolean ? readBoolean(fields) : false;
  const pathLength = fields.peek === TAG.integer ? readSmallInteger(fields) : undefined;
  fields.end();
  if (!ca && pathLength !== undefined) malformed('a path length on a certificate that is no CA');
  return { ca, pathLength };
}

function readKeyUsage(value: Uint8Array): Extensions['keyUsage'] {
  const outer = new DerReader(value, 'keyUsage');
  const isSet = readNamedBits(outer);
  outer.end();
  return { digitalSignature: isSet(0), keyCertSign: isSet(5), crlSign: isSet(6) };
}
