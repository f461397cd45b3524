#include "parse/kubectl_internal.h"

enum { TYPE_NAME_MAX = 64 };

/* As `kubectl api-resources` names them. */
static const struct kubectl_type types[] = {
    {"pod", "pods po", false},
    {"deployment", "deployments deploy", false},
    {"service", "services svc", false},
    {"namespace", "namespaces ns", true},
    {"node", "nodes no", true},
    {"statefulset", "statefulsets sts", false},
    {"daemonset", "daemonsets ds", false},
    {"replicaset", "replicasets rs", false},
    {"replicationcontroller", "replicationcontrollers rc", false},
    {"configmap", "configmaps cm", false},
    {"secret", "secrets", false},
    {"serviceaccount", "serviceaccounts sa", false},
    {"persistentvolumeclaim", "persistentvolumeclaims pvc pvcs", false},
    {"persistentvolume", "persistentvolumes pv pvs", true},
    {"storageclass", "storageclasses sc", true},
    {"volumeattachment", "volumeattachments", true},
    {"csidriver", "csidrivers", true},
    {"csinode", "csinodes", true},
    {"job", "jobs", false},
    {"cronjob", "cronjobs cj", false},
    {"ingress", "ingresses ing", false},
    {"ingressclass", "ingressclasses", true},
    {"networkpolicy", "networkpolicies netpol", false},
    {"role", "roles", false},
    {"rolebinding", "rolebindings", false},
    {"clusterrole", "clusterroles", true},
    {"clusterrolebinding", "clusterrolebindings", true},
    {"horizontalpodautoscaler", "horizontalpodautoscalers hpa", false},
    {"poddisruptionbudget", "poddisruptionbudgets pdb", false},
    {"limitrange", "limitranges limits", false},
    {"resourcequota", "resourcequotas quota", false},
    {"endpoints", "endpoint ep", false},
    {"endpointslice", "endpointslices", false},
    {"event", "events ev", false},
    {"lease", "leases", false},
    {"podtemplate", "podtemplates", false},
    {"controllerrevision", "controllerrevisions", false},
    {"priorityclass", "priorityclasses pc", true},
    {"runtimeclass", "runtimeclasses", true},
    {"componentstatus", "componentstatuses cs", true},
    {"customresourcedefinition", "customresourcedefinitions crd crds", true},
    {"apiservice", "apiservices", true},
    {"mutatingwebhookconfiguration", "mutatingwebhookconfigurations", true},
    {"validatingwebhookconfiguration", "validatingwebhookconfigurations", true},
    {"validatingadmissionpolicy", "validatingadmissionpolicies", true},
    {"validatingadmissionpolicybinding", "validatingadmissionpolicybindings", true},
    {"certificatesigningrequest", "certificatesigningrequests csr", true},
    {"flowschema", "flowschemas", true},
    {"prioritylevelconfiguration", "prioritylevelconfigurations", true},
    {"all", "", false},
};

const struct kubectl_type *kubectl_find_type(struct slice name)
{
    char lower[TYPE_NAME_MAX];

    if (name.size == 0 || name.size > sizeof lower)
        return NULL;
    for (size_t i = 0; i < name.size; i++)
        lower[i] = (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] - 'A' + 'a' : name.data[i]);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (slice_equal_str(slice_from(lower, name.size), types[i].name) ||
            flag_in_list(slice_from(lower, name.size), types[i].aliases))
            return &types[i];
    }
    return NULL;
}

struct slice kubectl_canonical_type(struct slice type, bool *cluster_scoped)
{
    const struct kubectl_type *found = kubectl_find_type(slice_sub(type, 0, slice_find(type, '.', 0)));

    *cluster_scoped = found != NULL && found->cluster_scoped;
    return slice_from_str(found != NULL ? found->name : NULL);
}
