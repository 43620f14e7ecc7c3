import { chunkRefusals } from '#test/adversary/refusals/chunks.ts';
import { commandRefusals } from '#test/adversary/refusals/commands.ts';
import { handshakeRefusals, joinedSessionRefusals } from '#test/adversary/refusals/sessions.ts';
import { Stage } from '#test/adversary/refusals/stage.ts';
import { cohortRefusals, evidenceRefusals } from '#test/adversary/refusals/studies.ts';
import { headerRefusals } from '#test/adversary/refusals/updates.ts';
import { startInProcess } from '#test/fakes/aggregator/in-process.ts';

/** The refusals of the adversary suite once more, without a process of its own, so that their branches are counted. */
describe('the enclave in this process answers', function () {
  this.timeout(10_000);
  const stage = new Stage();
  before(() => stage.raise(async () => (await startInProcess({ stagingBytes: 1024 * 1024 })).enclave));
  after(() => stage.strike());

  describe('a handshake that goes wrong with', () => handshakeRefusals(stage));
  describe('a joined session with', () => joinedSessionRefusals(stage));
  describe('an update header with', () => headerRefusals(stage));
  describe('chunks with', () => chunkRefusals(stage));
  describe('commands with', () => commandRefusals(stage));
  describe('participants that must show evidence:', () => evidenceRefusals(stage));
  describe('those outside the cohort with', () => cohortRefusals(stage));
});
