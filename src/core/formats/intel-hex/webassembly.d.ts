// The part of WebAssembly that this folder uses: Node's types do not declare it, and core is compiled without the DOM.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Instance {
    constructor(module: Module)
    readonly exports: Readonly<Record<string, unknown>>
  }
}
