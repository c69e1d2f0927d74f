declare module "*.nn" {
  const text: string;
  export default text;
}
declare module "nnc:runtime" {
  const text: string;
  export default text;
}
