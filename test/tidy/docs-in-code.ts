/** Declarations of a module start a line, since Biome formats every file. */
const EXPORT = /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|let) (\w+)/;

/** Names that `source` exports without a doc comment right above; of an overloaded function the first counts. */
export function undocumented(source: string): string[] {
  const lines = source.split('\n');
  const names = lines.flatMap((line, i) => {
    const name = EXPORT.exec(line)?.[1];
    return name === undefined ? [] : [{ name, documented: lines[i - 1]?.trimEnd().endsWith('*/') === true }];
  });
  const documented = new Set(names.filter((entry) => entry.documented).map(({ name }) => name));
  return [...new Set(names.map(({ name }) => name).filter((name) => !documented.has(name)))];
}

/** What a folder's README leaves out of `files`, and what it lists that is in neither `files` nor `folders`. */
export function readmeGaps(readme: string, files: readonly string[], folders: readonly string[]) {
  const named = new Set([...readme.matchAll(/`([^`\n]+)`|\]\(([^)\s]+)\)/g)].map(([, code, link]) => code ?? link));
  const unnamed = files.filter((file) => !named.has(file) && file !== 'README.md');
  // A list item or table row starts with the names it is about.
  const heads = [...readme.matchAll(/^(?:- |\| ?)((?:`[^`\n]+`(?:, )?)+)/gm)].map(([, head = '']) => head);
  const listed = heads.flatMap((head) => [...head.matchAll(/`([\w./-]+)`/g)].map(([, name = '']) => name));
  const present = new Set([...files, ...folders, ...folders.map((folder) => `${folder}/`)]);
  const gone = listed.filter(
    (name) => /^[\w-]+(\.\w+)*\.(ts|mjs|json|csv|py|pl|sh|md|yml)$|^[\w-]+\/$/.test(name) && !present.has(name),
  );
  return { unnamed, gone };
}
