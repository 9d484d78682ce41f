import { fieldValue } from '../read-header.ts';
import type { Entity } from './entity.ts';
import { readParameters } from './parameters.ts';
import { decodeTransfer } from './transfer.ts';
import type { ReadPart } from './types.ts';
import type { Warnings } from './warnings.ts';

/** An entity without parts, or a message within, with its octets. */
export function readLeaf(entity: Entity, warnings: Warnings): ReadPart {
  const bytes = decodeTransfer(entity.body, entity.encoding, warnings);
  const field = fieldValue(entity.fields, 'content-disposition');
  const stated = field === undefined ? undefined : readParameters(field);
  const filename = stated?.parameters.get('filename') || entity.contentType.parameters.get('name') || '';
  const id = (fieldValue(entity.fields, 'content-id') ?? '').trim();
  return {
    part: entity.number,
    filename: filename === '' ? null : filename,
    type: entity.type,
    disposition: dispositionOf(stated?.value),
    contentId: id === '' ? null : id.replace(/^</, '').replace(/>$/, ''),
    charset: entity.contentType.parameters.get('charset')?.toLowerCase() ?? null,
    size: bytes.length,
    bytes,
  };
}

function dispositionOf(value: string | undefined): ReadPart['disposition'] {
  if (value === undefined || value === '') return null;
  return value === 'inline' ? 'inline' : 'attachment';
}
