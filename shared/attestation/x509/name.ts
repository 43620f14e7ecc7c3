import { DerReader, TAG } from '../der/reader.ts';
import { readOid } from '../der/values.ts';

/** Short names of the attribute types that vendors use (RFC 4514 section 3). */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
};

/**
 * A distinguished name for people to read, in the order of RFC 4514 (last first). Anything but printable ASCII, and
 * what has a meaning in such text, shows as `?`: names are compared by their bytes, never by this text.
 * Throws `MalformedInput`.
 */
export function nameText(name: Uint8Array): string {
  const sequence = new DerReader(name, 'name').enter(TAG.sequence);
  const parts: string[] = [];
  while (sequence.peek !== undefined) {
    const set = sequence.enter(TAG.set);
    while (set.peek !== undefined) {
      const attribute = set.enter(TAG.sequence);
      const type = readOid(attribute);
      const value = attribute.next().content;
      attribute.end();
      const text = String.fromCharCode(...value).replace(/[^\x20-\x7e]|[,=+<>]/g, '?');
      parts.unshift(`${ATTRIBUTES[type] ?? type}=${text}`);
    }
  }
  return parts.join(',');
}
