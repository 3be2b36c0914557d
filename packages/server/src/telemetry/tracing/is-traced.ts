import { ProxyTracerProvider, trace } from "@opentelemetry/api";

/** Whether somebody records spans in this process: we, or the code of jobs that has brought an SDK of its own. */
export function isTraced(): boolean {
  const provider = trace.getTracerProvider();
  // One of another version of the API is no instance of ours, and is there because it was registered.
  if (!(provider instanceof ProxyTracerProvider)) return true;
  return provider.getDelegateTracer("millrace") !== undefined;
}
