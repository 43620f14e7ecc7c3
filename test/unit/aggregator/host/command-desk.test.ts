import { expect } from 'chai';
import type { FromHost } from '#boundary/from-host.ts';
import { CommandDesk } from '#host/command-desk.ts';

const FIRST = new Uint8Array(32).fill(1);
const SECOND = new Uint8Array(32).fill(2);

function newDesk(answerMs?: number) {
  const sent: FromHost[] = [];
  const send = async (message: FromHost) => sent.push(message) > 0;
  const desk = new CommandDesk(send, answerMs);
  const progress: number[] = [];
  const run = (id: string, runs = true) =>
    desk.run({ id, envelope: Uint8Array.of(1), runs, progress: (round) => progress.push(round) });
  const accept = (id: string) =>
    desk.receive({ name: 'command-result', body: { id, accepted: true, code: null, detail: '' } });
  return { desk, sent, progress, run, accept };
}

describe('command desk', () => {
  it('keeps a command until an enclave is there', async () => {
    const { desk, sent, run, accept } = newDesk();
    const end = run('a', false);
    expect(sent).to.have.length(0);
    desk.connected(FIRST);
    expect(sent).to.have.length(1);
    accept('a');
    expect(await end).to.deep.equal({ kind: 'done', phase: null });
  });

  it('goes on waiting for a run when the same enclave is back, without handing it over again', async () => {
    const { desk, sent, progress, run, accept } = newDesk();
    desk.connected(FIRST);
    const end = run('a');
    accept('a');
    desk.disconnected();
    desk.connected(FIRST);
    desk.receive({ name: 'command-progress', body: { id: 'a', round: 3, rounds: 4 } });
    desk.receive({ name: 'command-done', body: { id: 'a', phase: 'stopped' } });
    expect(await end).to.deep.equal({ kind: 'done', phase: 'stopped' });
    expect(sent).to.have.length(1);
    expect(progress).to.deep.equal([3]);
  });

  it('ends a run as foreign when another enclave takes the place of the one that ran it', async () => {
    const { desk, run, accept } = newDesk();
    desk.connected(FIRST);
    const end = run('a');
    accept('a');
    desk.disconnected();
    desk.connected(SECOND);
    expect(await end).to.include({ kind: 'refused', code: 'COMMAND_FOREIGN' });
  });

  it('ends a command that the enclave does not answer', async () => {
    const { desk, run } = newDesk(1);
    desk.connected(FIRST);
    expect(await run('a')).to.include({ kind: 'refused', code: 'SERVER_BUSY' });
  });

  it('takes no notice of answers to commands that nobody waits for', async () => {
    const { desk, run, accept } = newDesk();
    desk.connected(FIRST);
    accept('b');
    const end = run('a', false);
    accept('a');
    expect(await end).to.have.property('kind', 'done');
  });
});
