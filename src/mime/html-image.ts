import { attributeOf, type HtmlAttribute } from './html-tokens.ts';

/**
 * What stands for an image in a text: what the page gives in place of it, or with `remote` the file name of one on the web as
 * well. Empty for what is there for decoration, or to count readers.
 */
export function imageName(attributes: readonly HtmlAttribute[], remote: boolean): string {
  const alternative = attributeOf(attributes, 'alt')?.trim();
  const source = (attributeOf(attributes, 'src') ?? '').trim();
  if (!remote || !/^(?:https?:)?\/\//i.test(source)) return alternative ?? '';
  const name = isPixel(attributes) ? '' : (alternative ?? fileName(source));
  return name === '' ? '' : `image: ${name}`;
}

/** An image of so few points is there to be counted, not to be seen. */
const PIXEL = 3;

function isPixel(attributes: readonly HtmlAttribute[]): boolean {
  const style = attributeOf(attributes, 'style') ?? '';
  return ['width', 'height'].some((side) => {
    const styled = new RegExp(`(?:^|[;\\s])${side}\\s*:\\s*(\\d{1,5})(?:px)?\\s*(?:;|!|$)`, 'i').exec(
      style,
    )?.[1];
    const given = /^\s*(\d{1,5})(?:px)?\s*$/i.exec(attributeOf(attributes, side) ?? '')?.[1];
    const points = styled ?? given;
    return points !== undefined && Number(points) <= PIXEL;
  });
}

/** What a URL's path ends in; nothing where that would be no name. */
function fileName(url: string): string {
  const name =
    /^(?:https?:)?\/\/[^/?#]*\/(?:[^?#]*\/)?([^/?#]{1,80})(?:[?#]|$)/i.exec(url.slice(0, 4_096))?.[1] ?? '';
  return /\.(?:png|jpe?g|gif|webp|svg|avif|bmp)$/i.test(name) ? name : '';
}
