import { expect } from 'chai';
import { aggregatorFaults } from './faults/aggregator.ts';
import { fileFaults } from './faults/files.ts';
import { Ledger } from './faults/ledger.ts';
import { hostWithoutQueue, queueFaults } from './faults/queue.ts';
import { releaseFaults } from './faults/releases.ts';
import { sessionFaults } from './faults/sessions.ts';

describe('whoever calls is told', function () {
  this.timeout(30_000);
  const ledger = new Ledger();
  // It waits for its queue for a while: meanwhile the others run.
  const queueless = hostWithoutQueue();
  before(() => queueless.start());
  after(() => queueless.remove());

  describe('of the aggregator that runs:', () => aggregatorFaults(ledger));
  describe('of files:', () => fileFaults(ledger));
  describe('of a session:', () => sessionFaults(ledger));
  describe('of saved releases:', () => releaseFaults(ledger));
  describe('of the queue:', () => queueFaults(ledger, queueless));

  // Nested, because mocha runs the tests of a suite before its suites.
  describe('in all', () => {
    it('of every fault of the table at least once', () => {
      expect(ledger.unseen()).to.deep.equal([]);
    });
  });
});
