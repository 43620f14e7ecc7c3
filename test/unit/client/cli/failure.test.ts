import { expect } from 'chai';
import { EXIT, EXIT_CODES_HELP, exitCodeOf } from '#client/cli/exit-code.ts';
import { reportFailure } from '#client/cli/failure.ts';
import { Output } from '#client/cli/output.ts';
import { FAULT_CODES } from '#shared/fault/codes.ts';
import { Fault } from '#shared/fault/fault.ts';

function told(
  error: unknown,
  mode: { json: boolean; debug: boolean },
): { readonly text: string; readonly code: number } {
  let text = '';
  const code = reportFailure(
    error,
    {
      write: (part) => {
        text += part;
      },
    },
    mode,
  );
  return { text, code };
}

describe('failure', () => {
  it('tells code, message and what to do', () => {
    const { text, code } = told(new Fault('CONNECTION_LOST', 'nobody there'), { json: false, debug: false });
    expect(text).to.equal('error CONNECTION_LOST: nobody there\nNothing is lost. Try again in a while.\n');
    expect(code).to.equal(EXIT.unavailable);
  });

  it('tells scripts the same as JSON', () => {
    const { text, code } = told(new Fault('EVIDENCE_REFUSED', 'no'), { json: true, debug: false });
    expect(JSON.parse(text)).to.deep.equal({ error: { code: 'EVIDENCE_REFUSED', message: 'no', action: 'stop' } });
    expect(code).to.equal(EXIT.refused);
  });

  it('shows a stack of what nobody expected only when asked', () => {
    const error = new Error('surprise');
    expect(told(error, { json: false, debug: false }).text).to.not.include('failure.test.ts');
    expect(told(error, { json: false, debug: true }).text).to.include('failure.test.ts');
    expect(told(error, { json: false, debug: false }).code).to.equal(EXIT.failed);
  });

  it('gives every fault code an exit code that the help explains', () => {
    const explained = [...EXIT_CODES_HELP.matchAll(/^ {2}(\d+)/gm)].map(([, code]) => Number(code));
    for (const name of Object.keys(FAULT_CODES)) {
      const code = Object.entries(FAULT_CODES).flatMap(([key]) => (key === name ? [exitOf(key)] : []))[0];
      expect(explained, name).to.include(code);
      expect(code, name).to.not.equal(EXIT.ok);
    }
  });
});

function exitOf(name: string): number {
  const known = Object.keys(FAULT_CODES).find((code): code is keyof typeof FAULT_CODES => code === name);
  return known === undefined ? EXIT.ok : exitCodeOf(known);
}

describe('output', () => {
  const rows = [
    ['1', 'abc'],
    ['10', 'd'],
  ];

  it('aligns tables on a terminal and separates by tabs elsewhere', () => {
    const sink = { write: () => true };
    const terminal = new Output({ ...sink, isTTY: true }, sink, { json: false, quiet: false });
    expect(terminal.table(['round', 'name'], rows)).to.deep.equal([
      'round  name',
      '-----  ----',
      '1      abc',
      '10     d',
    ]);
    expect(new Output(sink, sink, { json: false, quiet: false }).table(['round', 'name'], rows)).to.deep.equal([
      '1\tabc',
      '10\td',
    ]);
  });

  it('keeps remarks from stdout, and silent under quiet', () => {
    const written = { out: '', err: '' };
    const out = {
      write: (text: string) => {
        written.out += text;
      },
    };
    const err = {
      write: (text: string) => {
        written.err += text;
      },
    };
    const quiet = new Output(out, err, { json: true, quiet: true });
    quiet.note('remark');
    quiet.warn('danger');
    quiet.show({ json: [1], text: () => ['one'] });
    expect(written).to.deep.equal({ out: '[\n  1\n]\n', err: 'warning: danger\n' });
  });
});
