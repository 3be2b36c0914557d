-- additive: operations may cancel open runs, which are their members then.

alter type millrace.operation_kind add value 'cancel';
