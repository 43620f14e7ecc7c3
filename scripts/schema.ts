/** Writes docs/schema/manifest.schema.json from the one source of the manifest's schema: `node scripts/schema.ts`. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ManifestSchema } from '#shared/study/manifest.ts';

/** Where the schema is published. */
export const SCHEMA_FILE = fileURLToPath(new URL('../docs/schema/manifest.schema.json', import.meta.url));

/** The JSON Schema of a study manifest, as text. */
export function manifestSchemaText(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://cloister.dev/schema/manifest-1.json',
    title: 'Cloister study manifest, version 1',
    ...ManifestSchema,
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

if (import.meta.main) await writeFile(SCHEMA_FILE, manifestSchemaText());
