import { expect } from 'chai';
import { chunkRefusals } from './refusals/chunks.ts';
import { commandRefusals } from './refusals/commands.ts';
import { preemptionRefusals } from './refusals/preemption.ts';
import { handshakeRefusals, joinedSessionRefusals } from './refusals/sessions.ts';
import { Stage } from './refusals/stage.ts';
import { cohortRefusals, evidenceRefusals, stoppingRefusals } from './refusals/studies.ts';
import { contentRefusals, headerRefusals, rejections } from './refusals/updates.ts';

describe('the real enclave answers', function () {
  this.timeout(10_000);
  const stage = new Stage();
  before(() => stage.raise());
  after(() => stage.strike());

  describe('a handshake that goes wrong with', () => handshakeRefusals(stage));
  describe('a joined session with', () => joinedSessionRefusals(stage));
  describe('an update header with', () => headerRefusals(stage));
  describe('the content of an update with', () => contentRefusals(stage));
  describe('what cannot be opened with', () => rejections(stage));
  describe('chunks with', () => chunkRefusals(stage));
  describe('commands with', () => commandRefusals(stage));
  describe('participants that must show evidence:', () => evidenceRefusals(stage));
  describe('those outside the cohort with', () => cohortRefusals(stage));
  describe('uploads that stand still with', () => preemptionRefusals(stage));
  describe('more than it can carry:', () => stoppingRefusals(stage));

  // Nested, because mocha runs the tests of a suite before its suites.
  describe('in all', () => {
    it('with every code of the table at least once', () => {
      expect(stage.unseen()).to.deep.equal([]);
    });
  });
});
