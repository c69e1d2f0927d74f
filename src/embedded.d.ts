declare module "*.nn" {
  const text: string;
  export default text;
}
declare module "nnc:runtime" {
  const text: string;
  export default text;
}
declare module "nnc:helpers" {
  const helpers: Readonly<Record<string, { readonly comment: string; readonly ts: string; readonly js: string }>>;
  export default helpers;
}
declare module "*.py" {
  const text: string;
  export default text;
}
declare module "nnc:page" {
  const page: { readonly body: string; readonly style: string; readonly script: string };
  export default page;
}
declare module "nnc:page-worker" {
  const text: string;
  export default text;
}
