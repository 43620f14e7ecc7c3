import type { Anchor } from '../anchor.ts';

/**
 * AMD's root keys, one a product: CN=ARK-Milan, ARK-Genoa and ARK-Turin of O=Advanced Micro Devices, OU=Engineering,
 * self-signed with RSA-4096, valid from 2020-10-22, 2022-01-26 and 2023-05-15 for 25 years each. AMD publishes them at
 * its key distribution service (AMD 57230, "cert_chain"); the same bytes are compiled into several published verifiers
 * of others and stand at the end of the chains of genuine reports.
 */
export const AMD_ROOTS: readonly Anchor[] = [
  root('ARK-Milan', '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd'),
  root('ARK-Genoa', '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1'),
  root('ARK-Turin', '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a'),
];

function root(name: string, sha256: string): Anchor {
  return { kind: 'certificate', name: `AMD ${name}`, platform: 'amd-sev-snp', sha256, emulated: false };
}
