/** Writes docs/codes.md from the tables of codes: `node scripts/codes.ts`. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { REASON_CODES } from '#shared/attestation/reasons.ts';
import { type CodeEntry, FAULT_CODES, REFUSAL_CODES } from '#shared/fault/codes.ts';

/** Where the table is published. */
export const CODES_FILE = fileURLToPath(new URL('../docs/codes.md', import.meta.url));

const HEAD = `# Codes

<!-- Written by scripts/codes.ts from shared/fault/codes.ts and shared/attestation/reasons.ts. Do not edit. -->

Every code has one meaning, and none is ever renamed or reused. The action is the whole advice: **fix** something and
try again; **retry** without changing anything, after a pause; **stop** and find out why before going on.`;

const REFUSALS = `## Refusals

What an enclave answers to one peer. They travel sealed once a session has keys; what an update or a command did wrong is
told to its sender alone. \`UPDATE_REJECTED\` stands for everything that could not be opened, whatever the cause.`;

const FAULTS = `## Faults

What the SDK throws and the command line prints: \`error CODE: message\`. The exit codes that follow from them are in
[cli.md](cli.md).`;

const REASONS = `## Reasons

Why evidence failed. They stand in the message of \`EVIDENCE_REFUSED\` and \`EVIDENCE_UNBOUND\`, all that apply at once.`;

/** The page, as text. */
export function codesText(): string {
  const reasons = Object.entries(REASON_CODES).map(([code, meaning]) => [code, meaning]);
  const parts = [
    HEAD,
    `${REFUSALS}\n\n${codeTable(REFUSAL_CODES)}`,
    `${FAULTS}\n\n${codeTable(FAULT_CODES)}`,
    `${REASONS}\n\n${table(['code', 'meaning'], reasons)}`,
  ];
  return `${parts.join('\n\n')}\n`;
}

function codeTable(codes: Readonly<Record<string, CodeEntry>>): string {
  const rows = Object.entries(codes).map(([code, { meaning, action }]) => [code, meaning, action]);
  return table(['code', 'meaning', 'action'], rows);
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** A Markdown table whose first column is code. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const body = rows.map(([code = '', ...rest]) =>
    line([`\`${code}\``, ...rest.map((cell) => cell.replaceAll('|', '\\|'))]),
  );
  return [line(head), line(head.map(() => '---')), ...body].join('\n');
}

if (import.meta.main) await writeFile(CODES_FILE, codesText());
