import { expect } from 'chai';
import { CommandDesk } from '#enclave/command/command-desk.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { type StudyCommand, sealCommand } from '#shared/study/command.ts';
import { makeStudy } from '#test/fakes/aggregator/study.ts';

const INSTANCE = new Uint8Array(32).fill(5);
const AT_MS = 1_000_000;
const MINUTE_MS = 60_000;

describe('command desk', () => {
  const { study, coordinator } = makeStudy({ pcr0: '00'.repeat(48), rootSha256: '11'.repeat(32) });
  const envelope = (changes: Partial<StudyCommand> = {}) =>
    sealCommand(
      {
        manifestDigest: study.digest,
        instance: INSTANCE,
        command: 'start',
        nonce: nodeCrypto.randomBytes(16),
        issuedAtMs: AT_MS,
        expiresAtMs: AT_MS + MINUTE_MS,
        ...changes,
      },
      coordinator.secretKey,
      nodeCrypto,
    );
  const codeOf = (desk: CommandDesk, bytes: Uint8Array, atMs = AT_MS) => {
    const verdict = desk.judge(bytes, atMs);
    return verdict.kind === 'refused' ? verdict.code : verdict.value.command;
  };

  it('accepts a command once', () => {
    const desk = new CommandDesk(study, INSTANCE, nodeCrypto);
    const bytes = envelope();
    expect([codeOf(desk, bytes), codeOf(desk, bytes)]).to.deep.equal(['start', 'COMMAND_REPLAYED']);
  });

  it('refuses one for another start of the enclave, and does not remember it', () => {
    const bytes = envelope();
    expect(codeOf(new CommandDesk(study, new Uint8Array(32), nodeCrypto), bytes)).to.equal('COMMAND_FOREIGN');
    expect(codeOf(new CommandDesk(study, INSTANCE, nodeCrypto), bytes)).to.equal('start');
  });

  it('refuses what does not open', () => {
    expect(codeOf(new CommandDesk(study, INSTANCE, nodeCrypto), new Uint8Array(3))).to.equal('COMMAND_MALFORMED');
  });

  it('forgets nonces once their commands have expired, which are refused for that then', () => {
    const desk = new CommandDesk(study, INSTANCE, nodeCrypto);
    const old = envelope();
    expect(codeOf(desk, old)).to.equal('start');
    const later = AT_MS + MINUTE_MS + 1;
    expect(codeOf(desk, envelope({ issuedAtMs: later, expiresAtMs: later + MINUTE_MS }), later)).to.equal('start');
    expect(codeOf(desk, old, later)).to.equal('COMMAND_EXPIRED');
  });

  it('answers SERVER_BUSY to more commands than it remembers', function () {
    this.timeout(30_000);
    const desk = new CommandDesk(study, INSTANCE, nodeCrypto);
    for (let index = 0; index < 10_000; index++) expect(codeOf(desk, envelope())).to.equal('start');
    expect(codeOf(desk, envelope())).to.equal('SERVER_BUSY');
  });
});
