import { cryptoPortContract, PORTS } from './crypto-port.ts';

describe('crypto port', () => {
  for (const [name, { port, peer }] of Object.entries(PORTS)) {
    describe(`on ${name}`, () => cryptoPortContract(port, peer));
  }
});
