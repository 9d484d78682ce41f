export function messageText(number: number): string;
