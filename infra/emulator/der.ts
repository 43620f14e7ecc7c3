import { concat, utf8 } from '#shared/bytes/bytes.ts';

/** One DER element with a length in its shortest form, up to 65535 bytes of content. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concat(...parts);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concat(Uint8Array.of(tag, ...head), content);
}

/** A SEQUENCE of elements. */
export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return der(0x30, ...parts);
}

/** An OBJECT IDENTIFIER from its dotted text. */
export function oid(text: string): Uint8Array {
  const [root = 0, second = 0, ...rest] = text.split('.').map(Number);
  const octets = [root * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left % 128) + 128);
    return digits;
  });
  return der(0x06, Uint8Array.from(octets));
}

/** A BIT STRING: how many bits of its last octet are unused, and its octets. */
export function bitString(unused: number, ...octets: readonly number[]): Uint8Array {
  return der(0x03, Uint8Array.of(unused, ...octets));
}

/** UTCTime up to 2049, else GeneralizedTime, of milliseconds since 1970. */
export function time(atMs: number): Uint8Array {
  const text = new Date(atMs).toISOString().replace(/\.\d+|[-:T]/g, '');
  const year = Number(text.slice(0, 4));
  return year >= 1950 && year < 2050 ? der(0x17, utf8(text.slice(2))) : der(0x18, utf8(text));
}
