import type { OnnxElementType, OnnxValue } from './model.js';
import { DATA_TYPE, ValueInfoProto } from './schema.js';

const ELEMENT_TYPES = new Map<number, OnnxElementType>(
  Object.entries(DATA_TYPE).map(([name, id]) => [id, name as OnnxElementType]),
);

/** A ValueInfoProto as protobufjs decodes it. */
export interface ValueMessage {
  readonly name: string;
}

interface PlainValue {
  name: string;
  type?: {
    tensorType?: {
      elemType: number;
      shape?: { dim: { value?: 'dimValue' | 'dimParam'; dimValue?: number; dimParam?: string }[] };
    };
  };
}

/** Name, type and shape of a graph input or output. */
export function onnxValue(decoded: ValueMessage): OnnxValue {
  const message = ValueInfoProto.toObject(decoded as never, {
    longs: Number,
    oneofs: true,
    arrays: true,
  }) as PlainValue;
  const tensor = message.type?.tensorType;
  const dims = (tensor?.shape?.dim ?? []).map((dim) => {
    // Exporters write −1, and some 0, for a dimension that they leave open.
    if (dim.value === 'dimValue') return dim.dimValue! > 0 ? dim.dimValue! : null;
    return dim.value === 'dimParam' && dim.dimParam !== '' ? dim.dimParam! : null;
  });
  return { name: message.name, type: ELEMENT_TYPES.get(tensor?.elemType ?? 0) ?? 'other', dims };
}
