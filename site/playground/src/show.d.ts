declare module "show.js" {
  export class Show { constructor(root: Element, data: unknown, sources: unknown); }
  export function activate(show: Show): void;
}
