/** The part of @npmcli/config that hazure calls; the package ships no types. */
declare module '@npmcli/config' {
  export default class Config {
    constructor(options: {
      npmPath: string;
      definitions: unknown;
      shorthands: unknown;
      flatten: unknown;
      argv?: readonly string[];
    });
    load(): Promise<void>;
    /** Options as npm's own libraries (pacote) take them. */
    readonly flat: Readonly<Record<string, unknown>>;
  }
}
declare module '@npmcli/config/lib/definitions/index.js' {
  const npmDefinitions: { definitions: unknown; shorthands: unknown; flatten: unknown };
  export default npmDefinitions;
}
