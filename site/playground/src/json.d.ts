declare module "facts.json" {
  const facts: import("./messages").Facts;
  export default facts;
}
