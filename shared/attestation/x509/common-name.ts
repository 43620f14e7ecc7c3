import { textOf } from '../../bytes/bytes.ts';
import { DerReader, TAG } from '../der/reader.ts';
import { readOid } from '../der/values.ts';

const COMMON_NAME = '2.5.4.3';
const TEXT_TAGS: readonly number[] = [TAG.utf8String, TAG.printableString];

/**
 * The common name of a distinguished name, exactly as it stands; `undefined` where there is none or more than one, or
 * where it is no text. AMD's, Intel's and NVIDIA's certificates are told apart by it. Throws `MalformedInput` for what is no name.
 */
export function commonName(name: Uint8Array): string | undefined {
  const outer = new DerReader(name, 'name');
  const sequence = outer.enter(TAG.sequence);
  outer.end();
  const found: (string | undefined)[] = [];
  while (sequence.peek !== undefined) {
    const set = sequence.enter(TAG.set);
    while (set.peek !== undefined) {
      const attribute = set.enter(TAG.sequence);
      const type = readOid(attribute);
      const { tag, content } = attribute.next();
      attribute.end();
      if (type === COMMON_NAME) found.push(TEXT_TAGS.includes(tag) ? textOf(content) : undefined);
    }
  }
  return found.length === 1 ? found[0] : undefined;
}
