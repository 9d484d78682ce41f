export { readMessage } from './read-message.ts';
export {
  READ_LIMITS,
  type ReadAddress,
  type ReadLimits,
  type ReadMessage,
  type ReadPart,
  type ReadText,
} from './types.ts';
