import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { advisoryIDs, ComponentLevelsSchema, ENTRIES_MAX, hexOf, issued, time, u16 } from './tcb-json.ts';
import { PLATFORM_STATUSES } from './tcb-status.ts';

const COMPONENTS = 16;
const componentSvn = Type.Integer({ minimum: 0, maximum: 0xff });
const componentSvns = Type.Array(Type.Object({ svn: componentSvn }), { minItems: COMPONENTS, maxItems: COMPONENTS });

/** The components by the last digits of the names that version 2 gives them. */
export const COMPONENT_NUMBERS = [
  ...(['01', '02', '03', '04', '05', '06', '07', '08'] as const),
  ...(['09', '10', '11', '12', '13', '14', '15', '16'] as const),
] as const;

const numberedSvns = Type.Record(
  Type.TemplateLiteral('sgxtcbcomp${01|02|03|04|05|06|07|08|09|10|11|12|13|14|15|16}svn'),
  componentSvn,
);

const stated = {
  ...issued,
  fmspc: hexOf(6),
  pceId: hexOf(2),
  // How levels are compared (PCS API, "tcbType"): component by component is the only way that is defined.
  tcbType: Type.Literal(0),
};
const sgxTcb = { sgxtcbcomponents: componentSvns, pcesvn: u16 };
const moduleSigner = { mrsigner: hexOf(48), attributes: hexOf(8), attributesMask: hexOf(8) };

function levelsOf<T extends TSchema>(tcb: T) {
  const tcbStatus = Type.Union(PLATFORM_STATUSES.map((status) => Type.Literal(status)));
  const level = Type.Object({ tcb, tcbDate: time, tcbStatus, advisoryIDs });
  return Type.Array(level, { minItems: 1, maxItems: ENTRIES_MAX });
}

const Sgx2Schema = Type.Object({
  ...stated,
  version: Type.Literal(2),
  id: Type.Optional(Type.Literal('SGX')),
  tcbLevels: levelsOf(Type.Intersect([Type.Object({ pcesvn: u16 }), numberedSvns])),
});

const Sgx3Schema = Type.Object({
  ...stated,
  version: Type.Literal(3),
  id: Type.Literal('SGX'),
  tcbLevels: levelsOf(Type.Object(sgxTcb)),
});

const ModuleIdentitySchema = Type.Object({
  id: Type.String({ pattern: '^TDX_[0-9A-Fa-f]{2}$' }),
  ...moduleSigner,
  tcbLevels: ComponentLevelsSchema,
});

const Tdx3Schema = Type.Object({
  ...stated,
  version: Type.Literal(3),
  id: Type.Literal('TDX'),
  tdxModule: Type.Object(moduleSigner),
  tdxModuleIdentities: Type.Optional(Type.Array(ModuleIdentitySchema, { maxItems: ENTRIES_MAX })),
  tcbLevels: levelsOf(Type.Object({ ...sgxTcb, tdxtcbcomponents: componentSvns })),
});

/** TCB info as Intel signs it (PCS API v3 and v4): version 2, which is of SGX alone, and version 3. */
export const TcbInfoSchema = Type.Union([Sgx2Schema, Sgx3Schema, Tdx3Schema]);

/** See {@link TcbInfoSchema}. */
export type TcbInfoJson = Static<typeof TcbInfoSchema>;
