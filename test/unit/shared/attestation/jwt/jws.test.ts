import { expect } from 'chai';
import { base64Url } from '#infra/emulator/tokens/jws.ts';
import { JSON_CONTAINERS_MAX, JSON_DEPTH_MAX } from '#shared/attestation/json.ts';
import {
  allowedAlgorithm,
  JWS_ALGORITHMS,
  type JwsAlgorithm,
  parseJws,
  TOKEN_BYTES_MAX,
} from '#shared/attestation/jwt/jws.ts';
import { spkiOf } from '#shared/attestation/jwt/keys.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { ecSpki } from '#shared/attestation/x509/spki.ts';
import { fromBase64Url } from '#shared/bytes/base64url.ts';
import { concat, fromHex, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

const JOE = 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';

/** RFC 7515 appendix A.2. */
const RS256 = {
  jwk: {
    kty: 'RSA',
    n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
    e: 'AQAB',
  },
  token: `eyJhbGciOiJSUzI1NiJ9.${JOE}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw`,
};

/** RFC 7515 appendix A.3. */
const ES256 = {
  jwk: {
    kty: 'EC',
    crv: 'P-256',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  },
  token: `eyJhbGciOiJFUzI1NiJ9.${JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`,
};

/** RFC 7520 section 4.2, whose payload is no JSON. */
const PS384 = {
  jwk: {
    kty: 'RSA',
    n: 'n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw',
    e: 'AQAB',
  },
  input:
    'eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4',
  signature:
    'cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw',
};

/** RFC 6979 appendix A.2.6, SHA-384 over "sample". */
const P384_SAMPLE = {
  x: 'ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13',
  y: '8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720',
  r: '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46',
  s: '99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
};

describe('JWS compact serialization', () => {
  it('reads the examples of RFC 7515 and their signatures hold', async () => {
    for (const [algorithm, { jwk, token }] of Object.entries({ RS256, ES256 })) {
      const parsed = parseJws(utf8(token));
      expect(parsed.algorithm).to.equal(algorithm);
      expect(parsed.payload).to.deep.equal({ iss: 'joe', exp: 1300819380, 'http://example.com/is_root': true });
      expect(await holds(parsed.algorithm, jwk, parsed.signature, parsed.signedBytes)).to.equal(true);
      expect(await holds(parsed.algorithm, jwk, parsed.signature, utf8(token)), 'other bytes').to.equal(false);
    }
  });

  it('verifies the PS384 example of RFC 7520', async () => {
    const signature = fromBase64Url(PS384.signature) ?? new Uint8Array(0);
    expect(await holds('PS384', PS384.jwk, signature, utf8(PS384.input))).to.equal(true);
    expect(await holds('RS256', PS384.jwk, signature, utf8(PS384.input)), 'as another algorithm').to.equal(false);
  });

  it('verifies the P-384 example of RFC 6979', async () => {
    const [x, y, r, s] = [P384_SAMPLE.x, P384_SAMPLE.y, P384_SAMPLE.r, P384_SAMPLE.s].map(bytes);
    if (x === undefined || y === undefined || r === undefined || s === undefined) throw new Error('four numbers');
    const jwk = { kty: 'EC', crv: 'P-384', x: base64Url(x), y: base64Url(y) };
    expect(toHex(spkiOf(jwk, 'ES384') ?? x)).to.equal(toHex(ecSpki('p384', concat(x, y)) ?? y));
    expect(await holds('ES384', jwk, concat(r, s), utf8('sample'))).to.equal(true);
    expect(await holds('ES384', jwk, concat(s, r), utf8('sample'))).to.equal(false);
  });

  it('names no algorithm outside the list, whatever it is called', () => {
    for (const name of ['none', 'None', 'HS256', 'PS256', 'toString', '__proto__', '']) {
      expect(allowedAlgorithm(name, ['RS256', 'ES256', 'ES384', 'PS384']), name).to.equal(undefined);
    }
    expect(allowedAlgorithm('ES256', ['RS256'])).to.equal(undefined);
  });

  const header = '{"alg":"RS256"}';
  const refused: Readonly<Record<string, readonly [token: string, detail: string]>> = {
    'no parts': ['', 'three parts'],
    'two parts': [`${base64Url(header)}.${base64Url('{}')}`, 'three parts'],
    'four parts': [`${compact(header, '{}')}.x`, 'three parts'],
    'five parts, as an encrypted token has': [`${compact(header, '{}')}.x.y`, 'three parts'],
    padding: [`${compact(header, '{}')}=`, 'signature is not canonical'],
    'white space before it': [` ${compact(header, '{}')}`, 'header is not canonical'],
    'a line end behind it': [`${compact(header, '{}')}\n`, 'signature is not canonical'],
    'the other alphabet': [`${base64Url(header)}.${base64Url('{}')}.++//`, 'signature is not canonical'],
    'bits behind the last byte': [`${base64Url(header)}.${base64Url('{}')}.AB`, 'signature is not canonical'],
    'a character too many': [`${base64Url(header)}.${base64Url('{}')}.AAAAA`, 'signature is not canonical'],
    'a header that is no JSON': [compact('{"alg"', '{}'), 'header is not JSON'],
    'a header that is an array': [compact('["RS256"]', '{}'), 'header is no JSON object'],
    'an empty header': [compact('', '{}'), 'header is not JSON'],
    'a byte order mark': [compact(`\ufeff${header}`, '{}'), 'header is not JSON'],
    'no algorithm': [compact('{"typ":"JWT"}', '{}'), 'without an algorithm'],
    'an algorithm that is no text': [compact('{"alg":256}', '{}'), 'without an algorithm'],
    'critical parameters': [compact('{"alg":"RS256","crit":["exp"],"exp":1}', '{}'), 'critical'],
    'an empty list of critical parameters': [compact('{"alg":"RS256","crit":[]}', '{}'), 'critical'],
    'an algorithm named twice': [compact('{"alg":"none","alg":"RS256"}', '{}'), 'names a key twice'],
    'an algorithm named twice in two spellings': [compact('{"alg":"none","\\u0061lg":"RS256"}', '{}'), 'twice'],
    'a claim named twice': [compact(header, '{"exp":1,"exp":2}'), 'payload is not JSON, or names a key twice'],
    'a nested claim named twice': [compact(header, '{"a":[{"b":1,"c":{},"b":1}]}'), 'names a key twice'],
    'a payload that is text': [compact(header, '"{}"'), 'payload is no JSON object'],
    'a payload that is null': [compact(header, 'null'), 'payload is no JSON object'],
    'bytes after the payload': [compact(header, '{} {}'), 'payload is not JSON'],
    'more objects and arrays than any token has': [
      compact(header, many(JSON_CONTAINERS_MAX + 1)),
      'objects and arrays',
    ],
    'a payload that nests too deep': [compact(header, nested(JSON_DEPTH_MAX)), 'nests deeper'],
  };
  for (const [name, [token, detail]] of Object.entries(refused)) {
    it(`refuses a token with ${name}`, () => {
      expect(() => parseJws(utf8(token))).to.throw(MalformedInput, detail);
    });
  }

  it('refuses text that is not UTF-8, in the token and in its payload', () => {
    expect(() => parseJws(Uint8Array.of(0xff))).to.throw(MalformedInput, 'not UTF-8');
    const token = `${base64Url(header)}.${base64Url(Uint8Array.of(0x7b, 0xff, 0x7d))}.`;
    expect(() => parseJws(utf8(token))).to.throw(MalformedInput, 'payload is not UTF-8');
  });

  it('refuses a token larger than any issuer writes', () => {
    expect(() => parseJws(new Uint8Array(TOKEN_BYTES_MAX + 1))).to.throw(MalformedInput, 'at most');
    expect(() => parseJws(new Uint8Array(TOKEN_BYTES_MAX))).to.throw(MalformedInput, 'three parts');
  });

  it('takes an empty signature for what it is, and brackets in strings for text', () => {
    const { signature, payload } = parseJws(utf8(`${base64Url(header)}.${base64Url(`{"a":"${'['.repeat(40)}\\""}`)}.`));
    expect(signature).to.have.lengthOf(0);
    expect(payload).to.deep.equal({ a: `${'['.repeat(40)}"` });
  });

  it('reads as many objects and arrays as the limit, and no bracket in a string for one', () => {
    expect(parseJws(utf8(compact(header, many(JSON_CONTAINERS_MAX)))).payload['a']).to.have.lengthOf(
      JSON_CONTAINERS_MAX - 2,
    );
    const text = '{['.repeat(JSON_CONTAINERS_MAX);
    expect(parseJws(utf8(compact(header, JSON.stringify({ text })))).payload).to.deep.equal({ text });
  });

  it('reads as deep as the limit', () => {
    expect(() => parseJws(utf8(compact(header, nested(JSON_DEPTH_MAX - 1))))).not.to.throw();
  });
});

/** An object with `depth` arrays in it, one in the other. */
function nested(depth: number): string {
  return `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
}

/** An object with an array of empty objects, `count` objects and arrays in all. */
function many(count: number): string {
  return `{"a":[${Array.from({ length: count - 2 }, () => '{}').join()}]}`;
}

function compact(header: string, payload: string): string {
  return `${base64Url(header)}.${base64Url(payload)}.AAAA`;
}

async function holds(
  name: string,
  jwk: Readonly<Record<string, unknown>>,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  const algorithm: JwsAlgorithm | undefined = allowedAlgorithm(name, ['RS256', 'ES256', 'ES384', 'PS384']);
  const spki = algorithm && spkiOf(jwk, algorithm);
  if (algorithm === undefined || spki === undefined) throw new Error(`no key for ${name}`);
  return nodeCrypto.verifyCertificateSignature(JWS_ALGORITHMS[algorithm].scheme, spki, signature, message);
}

function bytes(hex: string): Uint8Array {
  return fromHex(hex) ?? new Uint8Array(0);
}
