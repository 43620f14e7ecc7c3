import { expect } from 'chai';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { encodeEnvelope, keyIdOf, signPayload } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { makeStudy } from '#test/fakes/aggregator/study.ts';
import type { Stage } from './stage.ts';

const HOUR_MS = 3_600_000;

/** Codes of commands; each is one that would stop the study if it were obeyed. */
export function commandRefusals(stage: Stage): void {
  const refuses = (title: string, code: RefusalCode, envelope: () => Promise<Uint8Array>): void => {
    it(`${code} for ${title}`, () =>
      stage.during(async () => {
        const answer = await stage.enclave.handIn(await envelope());
        expect(answer.accepted).to.equal(false);
        stage.provoked(answer.code, code);
        return undefined;
      }));
  };
  const stop = (changes: Parameters<typeof stage.enclave.command>[2]) =>
    stage.enclave.command(stage.scene.study, 'stop', changes);

  refuses('bytes that are no envelope', 'COMMAND_MALFORMED', async () => utf8('{"stop":true}'));
  refuses('a signed payload that is no command', 'COMMAND_MALFORMED', async () => {
    const { secretKey, publicKey } = stage.scene.study.coordinator;
    const signed = signPayload(PAYLOAD_TYPES.command, utf8('{"command":"stop"}'), secretKey, nodeCrypto);
    return encodeEnvelope(PAYLOAD_TYPES.command, signed, keyIdOf(publicKey, nodeCrypto));
  });
  refuses("another's signature", 'COMMAND_SIGNATURE_INVALID', () =>
    stop({ secretKey: nodeCrypto.ed25519Generate().secretKey }),
  );
  refuses("a participant's signature", 'COMMAND_SIGNATURE_INVALID', async () => {
    const [participant] = stage.scene.study.participants;
    return stop(participant === undefined ? {} : { secretKey: participant.identity.secretKey });
  });
  refuses('a command past its expiry', 'COMMAND_EXPIRED', () =>
    stop({ issuedAtMs: Date.now() - 2000, expiresAtMs: Date.now() - 1000 }),
  );
  refuses('a command that is valid for more than an hour', 'COMMAND_EXPIRED', () =>
    stop({ issuedAtMs: Date.now(), expiresAtMs: Date.now() + HOUR_MS + 1 }),
  );
  refuses('a command that expires before it is issued', 'COMMAND_EXPIRED', () =>
    stop({ issuedAtMs: Date.now() + 2000, expiresAtMs: Date.now() + 1000 }),
  );
  refuses('a command from the future', 'COMMAND_EXPIRED', () =>
    stop({ issuedAtMs: Date.now() + HOUR_MS, expiresAtMs: Date.now() + HOUR_MS + 1000 }),
  );
  refuses('another start of the enclave', 'COMMAND_FOREIGN', () => stop({ instance: new Uint8Array(32) }));
  refuses('another manifest', 'COMMAND_FOREIGN', () => stop({ manifestDigest: new Uint8Array(32) }));
  refuses('a start of what runs already', 'COMMAND_ILLEGAL', () => stage.enclave.command(stage.scene.study, 'start'));
  refuses('a resume of what is not paused', 'COMMAND_ILLEGAL', () =>
    stage.enclave.command(stage.scene.study, 'resume'),
  );

  it('COMMAND_REPLAYED for a command given again under another id', () =>
    stage.during(async () => {
      const envelope = await stage.enclave.command(stage.scene.study, 'resume');
      expect(await stage.enclave.handIn(envelope)).to.include({ code: 'COMMAND_ILLEGAL' });
      stage.provoked((await stage.enclave.handIn(envelope)).code, 'COMMAND_REPLAYED');
      return undefined;
    }));

  it('the first answer again for the same command under the same id', () =>
    stage.during(async () => {
      const envelope = await stage.enclave.command(stage.scene.study, 'resume');
      const first = await stage.enclave.handIn(envelope, 'twice');
      const from = stage.enclave.messages.length;
      stage.enclave.send({ name: 'command', body: { id: 'twice', envelope } });
      expect(await stage.enclave.next('command-result', ({ id }) => id === 'twice', from)).to.deep.equal(first);
      return undefined;
    }));

  it('COMMAND_FOREIGN still, when another study with another coordinator is served too', async () => {
    const { pcr0, rootSha256 } = stage.enclave.enclave;
    await stage.enclave.offer(makeStudy({ pcr0, rootSha256, name: 'another' }));
    const answer = await stage.enclave.handIn(await stop({ instance: new Uint8Array(32) }));
    stage.provoked(answer.code, 'COMMAND_FOREIGN');
  });
}
